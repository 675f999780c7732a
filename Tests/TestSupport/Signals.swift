// The compiler attributes `sigset_t` to this module or to Glibc, whichever it reads
// first.
import CTestSupport
import Glibc

/// Unblocks signals in this thread.
///
/// The threads that run tests block most of them.
package func unblockSignals(_ numbers: Int32...) {
  var signals = sigset_t()
  sigemptyset(&signals)
  for number in numbers { sigaddset(&signals, number) }
  pthread_sigmask(SIG_UNBLOCK, &signals, nil)
}
