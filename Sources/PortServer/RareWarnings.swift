import HostSystem
import Logging

/// Warnings that are said at most once a minute each, for what causes them may
/// come with every request.
struct RareWarnings {
  enum Topic {
    case accept
    case exhausted
    case lease
  }

  private var silence: [Topic: Deadline] = [:]

  mutating func say(
    _ topic: Topic, to log: Logger, _ message: @autoclosure () -> String
  ) {
    if let silence = silence[topic], !silence.hasPassed { return }
    silence[topic] = Deadline(after: .seconds(60))
    log.warning("\(message())")
  }
}
