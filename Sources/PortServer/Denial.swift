import HostSystem
import PortLeasing

/// Why a process gets no port.
enum Denial: Error {
  /// What was asked for is no process that could have ports.
  case noProcess
  /// There is no such process, or it has ended.
  case gone
  /// Which process is meant cannot be told.
  case unknownNamespace
  /// It is another user's process.
  case notPermitted
  /// The process has as many ports as it may have.
  case processLimit(Int)
  /// The user has asked for as many ports as it may.
  case userLimit(Int)
  /// No port is left.
  case exhausted(PoolUsage)
  /// The system does not let the server do what it has to.
  case broken(String)

  /// What whoever runs the server has to know, whatever the log's level.
  var warning: (topic: RareWarnings.Topic, text: String)? {
    switch self {
    case .exhausted(let usage):
      (
        .exhausted,
        "the pool is exhausted: of \(usage.ports) ports, \(usage.leased) are "
          + "leased and \(usage.inUse) used by others; end processes that hold "
          + "ports, or use a larger pool"
      )
    case .broken(let text): (.broken, "a process got no port: \(text)")
    default: nil
    }
  }
}

extension Denial: CustomStringConvertible {
  var description: String {
    switch self {
    case .noProcess: "it is no process that could have ports"
    case .gone: "there is no such process"
    case .unknownNamespace:
      "the client is in another pid namespace or has ended, so which process "
        + "it means cannot be told"
    case .notPermitted: "it is another user's process"
    case .processLimit(let limit):
      "it has \(limit) ports (--max-ports-per-process)"
    case .userLimit(let limit):
      "the user has \(limit) ports (--max-ports-per-user)"
    case .exhausted: "the pool is exhausted"
    case .broken(let text): text
    }
  }
}
