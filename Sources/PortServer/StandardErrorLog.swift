import HostSystem
package import Logging

/// A log on standard error that never makes its program wait: a line that
/// nobody takes is dropped.
package struct StandardErrorLog: LogHandler {
  package var logLevel = Logger.Level.notice
  package var metadata: Logger.Metadata = [:]
  private let label: String

  package init(label: String) {
    self.label = label
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    _ = writeToStandardErrorWithoutWaiting(
      "\(wallClockTime()) \(event.level) \(label): \(event.message)")
  }
}
