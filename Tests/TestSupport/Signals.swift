// To the compiler `sigset_t` is of this module or of Glibc, whichever it has
// read first.
import CTestSupport
import Glibc

/// Lets signals through to this thread: those that tests run on have most of
/// them blocked.
package func unblockSignals(_ numbers: Int32...) {
  var signals = sigset_t()
  sigemptyset(&signals)
  for number in numbers { sigaddset(&signals, number) }
  pthread_sigmask(SIG_UNBLOCK, &signals, nil)
}
