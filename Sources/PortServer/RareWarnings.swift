import HostSystem
import Logging

/// Warnings that are said at most once a minute each, for what causes them may
/// come with every request.
struct RareWarnings {
  enum Topic {
    case accept
    case broken
    case exhausted
    case ledger
    case share
    case socketFile
    case watching
  }

  private var silence: [Topic: Deadline] = [:]

  mutating func say(
    _ topic: Topic, to log: Logger, _ message: String
  ) {
    if let silence = silence[topic], !silence.hasPassed { return }
    silence[topic] = Deadline(after: .seconds(60))
    log.warning("\(message)")
  }
}
