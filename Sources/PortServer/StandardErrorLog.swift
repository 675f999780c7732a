import HostSystem
package import Logging

/// A log on standard error that never blocks: a line that would block is dropped.
///
/// If standard error is systemd's journal, which adds the time and the program, a
/// line is its priority (`<4>`, sd-daemon(3)) and the message.
package struct StandardErrorLog: LogHandler {
  package var logLevel = Logger.Level.notice
  package var metadata: Logger.Metadata = [:]
  private let label: String
  private let isJournal = ServiceManager.isStandardErrorJournal

  package init(label: String) {
    self.label = label
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let message = printable("\(event.message)")
    _ = writeToStandardErrorWithoutBlocking(
      isJournal
        ? "<\(event.level.priority)>\(message)"
        : "\(wallClockTime()) \(event.level) \(label): \(message)")
  }
}

extension Logger.Level {
  /// The priority in syslog(3).
  package var priority: Int {
    switch self {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
