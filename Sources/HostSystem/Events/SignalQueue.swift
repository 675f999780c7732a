import CHostSystem
package import SystemPackage

/// Signals that are read one after another instead of interrupting
/// (signalfd(2)).
package struct SignalQueue: ~Copyable {
  private let descriptor: Descriptor

  /// A signal that a program answers to.
  package enum Signal: CaseIterable, Sendable {
    /// `SIGINT`, which a shell's Ctrl-C sends.
    case interrupt
    /// `SIGTERM`.
    case terminate
    /// `SIGHUP`, which a terminal sends that goes.
    case hangUp
    /// `SIGUSR1`.
    case user1

    /// As signal(7) calls it.
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

  /// Blocks the signals, so that they wait to be read.
  ///
  /// `SIGINT` is left out where it was ignored when this program was started,
  /// as a shell without job control does for a program in the background: what
  /// is meant for the program in front is not for it. So is `SIGHUP`, which
  /// nohup(1) has ignored.
  ///
  /// Call it while the process has one thread: signal masks belong to threads.
  ///
  /// - Throws: What `signalfd(2)` says.
  package init() throws(Errno) {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in Signal.allCases {
      switch signal {
      case .interrupt where Self.isIgnored(signal),
        .hangUp where Self.isIgnored(signal):
        continue
      default: sigaddset(&set, signal.number)
      }
    }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    descriptor = try Descriptor { chs_signal_open(&set) }
  }

  /// What turns readable when a signal waits.
  package var raw: FileDescriptor { descriptor.raw }

  /// The next signal that waits, if there is one.
  package func next() -> Signal? {
    let number = chs_signal_next(descriptor.raw.rawValue)
    return Signal.allCases.first { $0.number == number }
  }

  /// From now on `SIGINT` and `SIGTERM` do at once what they do by default: they
  /// end the process.
  ///
  /// `SIGUSR1`, which asks for something and not for the end, waits for ever, and
  /// so does `SIGHUP`, of which a terminal that goes sends more than one.
  package func restoreDefaults() {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in [Signal.interrupt, .terminate]
    where !Self.isIgnored(signal) {
      sigaddset(&set, signal.number)
    }
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }

  private static func isIgnored(_ signal: Signal) -> Bool {
    var action = sigaction()
    sigaction(signal.number, nil, &action)
    // SIG_IGN is a macro that Swift does not see; its value is 1.
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
      == 1
  }
}

/// Lets a write to a pipe that nobody reads fail with `Errno.brokenPipe`
/// instead of ending this process (`SIGPIPE`, pipe(7)).
package func ignoreBrokenPipeSignal() {
  signal(SIGPIPE, SIG_IGN)
}
