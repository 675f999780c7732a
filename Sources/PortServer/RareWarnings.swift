import HostSystem
import Logging

/// Warnings that are logged at most once a minute each, because every request can
/// cause them.
final class RareWarnings {
  enum Topic {
    case accept
    case broken
    case exhausted
    case ledger
    case share
    case socketFile
    case watching
  }

  private let log: Logger
  private var silence: [Topic: Deadline] = [:]

  init(log: Logger) {
    self.log = log
  }

  func say(_ topic: Topic, _ message: String) {
    if let silence = silence[topic], !silence.hasPassed { return }
    silence[topic] = Deadline(after: .seconds(60))
    log.warning("\(message)")
  }
}
