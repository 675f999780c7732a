package import SystemPackage

/// The service manager that started this process, such as systemd.
package enum ServiceManager {
  /// Takes the sockets that it has passed (sd_listen_fds(3)), and unsets the variables
  /// that name them.
  ///
  /// The sockets are meant for this process only if `LISTEN_PID` is its pid.
  ///
  /// - Returns: The descriptors, which nothing else in this process uses; none after the
  ///   first call.
  /// - Throws: `Errno.badFileDescriptor` if one of them is not open.
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

  /// Whether standard error is connected to the journal (`JOURNAL_STREAM`,
  /// systemd.exec(5)).
  package static var isStandardErrorJournal: Bool {
    var status = stat()
    guard fstat(STDERR_FILENO, &status) == 0 else { return false }
    return environmentVariable("JOURNAL_STREAM")
      == "\(status.st_dev):\(status.st_ino)"
  }

  /// The interval within which it expects a watchdog message; `nil` if it expects none
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

/// The socket for notifications to the service manager (sd_notify(3)).
package struct ServiceNotifier: ~Copyable {
  private let socket: Descriptor
  private let address: UnixAddress

  /// A notification.
  package enum Message: Hashable, Sendable {
    /// The service is ready.
    case ready
    /// The service is about to end.
    case stopping
    /// The service is alive.
    case watchdog
    /// The service's status, a line for people.
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

  /// A notifier for the service manager that `NOTIFY_SOCKET` names.
  ///
  /// - Returns: `nil` if it names none.
  /// - Throws: The error of socket(2).
  package static func fromEnvironment() throws(Errno) -> ServiceNotifier? {
    guard
      let name = environmentVariable("NOTIFY_SOCKET"),
      let address = UnixAddress(name)
    else { return nil }
    return ServiceNotifier(
      socket: try Descriptor(socket: AF_UNIX, SOCK_DGRAM), address: address)
  }

  /// Sends a notification without blocking.
  ///
  /// If it cannot be sent at once, it is dropped: the service manager must not delay
  /// the service.
  package func send(_ message: Message) {
    let text = message.text
    _ = address.withSocketAddress { address, length in
      sendto(
        socket.raw.rawValue, text, text.utf8.count,
        Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL), address, length)
    }
  }
}
