import HostSystem
import PortLeasing
import PortProtocol
import SystemPackage

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
  /// The process would have more ports than it may have.
  case processLimit(Int)
  /// The user would have asked for more ports than it may.
  case userLimit(Int)
  /// There are not enough ports left for what was asked for.
  case exhausted(PoolUsage, LeaseOrder)
  /// Nobody has the port that is to be given back.
  case notLeased(UInt16)
  /// The port that is to be given back is another user's.
  case foreignLease(UInt16)
  /// The system does not let the server do what it has to.
  case broken(String)

  /// What whoever runs the server has to know, whatever the log's level.
  var warning: (topic: RareWarnings.Topic, text: String)? {
    switch self {
    case .exhausted(let usage, let order) where order.count == 1:
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

extension Denial {
  /// What it means that a process cannot be found, or not be waited for.
  init(_ error: ProcessHandleError) {
    switch error {
    case .kernelThread: self = .noProcess
    case .hidden: self = .broken(Self.hidden)
    case .foreignProc:
      self = .broken(
        "/proc shows another pid namespace than this server's; mount it anew "
          + "(mount -t proc proc /proc), and start this server again")
    case .watching(let error):
      self = .broken(
        "its end would not be told of (pidfd_open): \(error); allow this server "
          + "that system call, which Linux has since 5.3")
    case .reading(let error): self.init(error, reading: "stat")
    }
  }

  /// What an error of reading `/proc/PID/status` means.
  init(readingStatus error: Errno) {
    self.init(error, reading: "status")
  }

  private init(_ error: Errno, reading file: String) {
    switch error {
    case .permissionDenied: self = .broken(Self.hidden)
    case .resourceTemporarilyUnavailable:
      self = .broken(
        "it becomes another program again and again, and \(file) in its /proc is "
          + "not its own; ask again")
    case .tooManyOpenFiles, .tooManyOpenFilesInSystem:
      self = .broken(
        "\(file) in its /proc cannot be opened: \(error); raise the limit on open "
          + "files (LimitNOFILE=, ulimit -n)")
    default:
      self = .broken(
        "\(file) in its /proc cannot be read: \(error); mount /proc, or free what "
          + "the system is short of")
    }
  }

  private static let hidden =
    "/proc hides it (hidepid), so nobody could tell when it ends; run this "
    + "server as a user that sees all processes"

  /// What a client of version 2 is told.
  var reply: VersionTwoError {
    VersionTwoError(code, description)
  }

  /// What a client of version 2 decides by.
  var code: VersionTwoError.Code {
    switch self {
    case .noProcess, .gone, .unknownNamespace: .noSuchProcess
    case .notPermitted, .foreignLease: .notPermitted
    case .processLimit, .userLimit: .limit
    case .exhausted: .exhausted
    case .notLeased: .notLeased
    case .broken: .failed
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
      "it would have more than \(limit) ports (--max-ports-per-process)"
    case .userLimit(let limit):
      "the user would have more than \(limit) ports (--max-ports-per-user)"
    case .exhausted(let usage, let order):
      (order.count == 1
        ? "the pool is exhausted"
        : "there are no \(order.count) ports left"
          + (order.isContiguous ? " in a row" : ""))
        + ": of \(usage.ports) ports, \(usage.leased) are leased and "
        + "\(usage.inUse) used by others"
    case .notLeased(let port): "port \(port) is not leased"
    case .foreignLease(let port):
      "port \(port) is leased to another user's process"
    case .broken(let text): text
    }
  }
}
