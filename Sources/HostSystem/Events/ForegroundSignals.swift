import CHostSystem
package import SystemPackage

/// The signals that ask a program to end, or are meant for a program that it runs in the
/// foreground: `SIGINT`, `SIGTERM`, `SIGHUP`, `SIGQUIT`, `SIGUSR1` and `SIGUSR2`.
///
/// They are read from a descriptor. Those that were ignored when the program started stay
/// ignored. `SIGPIPE` is blocked, too, so that a write to a pipe without a reader fails.
package struct ForegroundSignals: ~Copyable {
  private let descriptor: Descriptor
  /// The mask from before, for programs that this process runs.
  package let previousMask: SignalMask

  /// Blocks the signals.
  ///
  /// Call this while the process has one thread, because each thread has its own mask.
  ///
  /// - Throws: The error of signalfd(2).
  package init() throws(Errno) {
    var set = sigset_t()
    sigemptyset(&set)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]
    where !isIgnored(number) {
      sigaddset(&set, number)
    }
    var blocked = set
    sigaddset(&blocked, SIGPIPE)
    var previous = sigset_t()
    pthread_sigmask(SIG_BLOCK, &blocked, &previous)
    previousMask = SignalMask(set: previous)
    descriptor = try Descriptor { chs_signal_open(&set) }
  }

  /// A descriptor that is readable if a signal is pending.
  package var raw: FileDescriptor { descriptor.raw }

  /// A signal that has arrived.
  package struct Signal: Hashable, Sendable {
    /// Its number.
    package let number: Int32
    /// Whether the terminal has sent it, to the whole process group.
    package let isFromTerminal: Bool
    /// Whether it asks to end whatever runs: `SIGTERM` or `SIGHUP`.
    package var asksToEnd: Bool { number == SIGTERM || number == SIGHUP }
    /// Whether it interrupts: `SIGINT` or `SIGQUIT`, which the keyboard sends.
    package var interrupts: Bool { number == SIGINT || number == SIGQUIT }
  }

  /// The next pending signal, if there is one.
  package func next() -> Signal? {
    var code: Int32 = 0
    let number = chs_signal_next_code(descriptor.raw.rawValue, &code)
    if number < 0 { return nil }
    // SI_KERNEL, sigaction(2).
    return Signal(number: number, isFromTerminal: code == 0x80)
  }
}

/// Whether this process ignores a signal.
func isIgnored(_ number: Int32) -> Bool {
  var action = sigaction()
  sigaction(number, nil, &action)
  // SIG_IGN is a macro that Swift cannot import. Its value is 1.
  return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
}
