package import SystemPackage

/// The service manager that has started this process, if one has: systemd.
package enum ServiceManager {
  /// The sockets that it has handed over (sd_listen_fds(3)).
  ///
  /// They are meant for this process only if `LISTEN_PID` is its pid.
  ///
  /// - Returns: Their descriptors, which nothing else in this process uses;
  ///   the variables are gone after the first call.
  /// - Throws: `Errno.badFileDescriptor` where one of them is not open.
  package static func takeSockets() throws(Errno) -> [FileDescriptor] {
    defer {
      for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        unsetenv(name)
      }
    }
    guard
      environmentVariable("LISTEN_PID").flatMap({ Int32($0) }) == getpid(),
      let count = environmentVariable("LISTEN_FDS").flatMap({ Int32($0) }),
      count > 0, count < Int32.max - firstSocket
    else { return [] }
    var sockets: [FileDescriptor] = []
    for number in firstSocket..<firstSocket + count {
      try systemCall { fcntl(number, F_GETFD) }
      sockets.append(FileDescriptor(rawValue: number))
    }
    return sockets
  }

  /// `SD_LISTEN_FDS_START`.
  private static let firstSocket: Int32 = 3

  /// Whether standard error goes to its journal (`JOURNAL_STREAM`,
  /// systemd.exec(5)).
  package static var readsStandardError: Bool {
    var status = stat()
    guard fstat(STDERR_FILENO, &status) == 0 else { return false }
    return environmentVariable("JOURNAL_STREAM")
      == "\(status.st_dev):\(status.st_ino)"
  }

  /// How often it wants to hear that this process is well, if it does
  /// (sd_watchdog_enabled(3)).
  package static var watchdogInterval: Duration? {
    if let pid = environmentVariable("WATCHDOG_PID"), Int32(pid) != getpid() {
      return nil
    }
    guard
      let text = environmentVariable("WATCHDOG_USEC"),
      let microseconds = Int64(text), microseconds > 0
    else { return nil }
    return .microseconds(microseconds)
  }
}

/// The socket on which a service manager is told how this process is
/// (sd_notify(3)).
package struct ServiceNotifier: ~Copyable {
  private let socket: Descriptor
  private let address: UnixAddress

  /// What there is to say.
  package enum Message: Hashable, Sendable {
    /// It is ready to serve.
    case ready
    /// It is about to end.
    case stopping
    /// It is well.
    case watchdog
    /// What it does, in a line for people.
    case status(String)

    fileprivate var text: String {
      switch self {
      case .ready: "READY=1"
      case .stopping: "STOPPING=1"
      case .watchdog: "WATCHDOG=1"
      case .status(let line): "STATUS=\(line)"
      }
    }
  }

  /// The service manager that `NOTIFY_SOCKET` names.
  ///
  /// - Returns: `nil` where none does.
  /// - Throws: What `socket(2)` says.
  package static func fromEnvironment() throws(Errno) -> ServiceNotifier? {
    guard
      let name = environmentVariable("NOTIFY_SOCKET"),
      let address = UnixAddress(name)
    else { return nil }
    return ServiceNotifier(
      socket: try Descriptor {
        Glibc.socket(
          AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      },
      address: address)
  }

  /// Says something; what cannot be sent at once is dropped, for the service
  /// manager must not hold up what it watches.
  package func send(_ message: Message) {
    let text = message.text
    _ = address.withSocketAddress { address, length in
      sendto(
        socket.raw.rawValue, text, text.utf8.count,
        Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL), address, length)
    }
  }
}
