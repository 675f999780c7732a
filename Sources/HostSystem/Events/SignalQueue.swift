import CHostSystem
package import SystemPackage

/// Signals that are read from a descriptor instead of interrupting the process
/// (signalfd(2)).
package struct SignalQueue: ~Copyable {
  private let descriptor: Descriptor

  /// A signal that the program handles.
  package enum Signal: CaseIterable, Sendable {
    /// `SIGINT`, sent by Ctrl-C in a terminal.
    case interrupt
    /// `SIGTERM`.
    case terminate
    /// `SIGHUP`, sent when a terminal is closed.
    case hangUp
    /// `SIGUSR1`.
    case user1

    /// The name in signal(7).
    package var name: String {
      switch self {
      case .interrupt: "SIGINT"
      case .terminate: "SIGTERM"
      case .hangUp: "SIGHUP"
      case .user1: "SIGUSR1"
      }
    }

    fileprivate var number: Int32 {
      switch self {
      case .interrupt: SIGINT
      case .terminate: SIGTERM
      case .hangUp: SIGHUP
      case .user1: SIGUSR1
      }
    }
  }

  /// Blocks the signals, so that they can be read.
  ///
  /// `SIGINT` and `SIGHUP` stay ignored if they were ignored when the program started.
  /// A shell without job control ignores `SIGINT` for background programs, and nohup(1)
  /// ignores `SIGHUP`.
  ///
  /// Call this while the process has one thread, because each thread has its own signal
  /// mask.
  ///
  /// - Throws: The error of signalfd(2).
  package init() throws(Errno) {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in Signal.allCases {
      switch signal {
      case .interrupt where isIgnored(signal.number),
        .hangUp where isIgnored(signal.number):
        continue
      default: sigaddset(&set, signal.number)
      }
    }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    descriptor = try Descriptor { chs_signal_open(&set) }
  }

  /// A descriptor that is readable if a signal is pending.
  package var raw: FileDescriptor { descriptor.raw }

  /// The next pending signal, if there is one.
  package func next() -> Signal? {
    let number = chs_signal_next(descriptor.raw.rawValue)
    return Signal.allCases.first { $0.number == number }
  }

  /// Restores the default action of `SIGINT` and `SIGTERM`, which ends the process at
  /// once.
  ///
  /// `SIGUSR1` stays blocked, because it does not ask the process to end, and so does
  /// `SIGHUP`, because a terminal that is closed may send more than one.
  package func restoreDefaultActions() {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in [Signal.interrupt, .terminate]
    where !isIgnored(signal.number) {
      sigaddset(&set, signal.number)
    }
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }
}

/// Makes a write to a pipe without a reader fail with `Errno.brokenPipe` instead of
/// ending this process (`SIGPIPE`, pipe(7)).
package func ignoreBrokenPipeSignal() {
  signal(SIGPIPE, SIG_IGN)
}
