import HostSystem
import PortLeasing
import PortProtocol
import SystemPackage

/// Why a request for ports, or a return, is refused.
enum Denial: Error {
  /// The process cannot hold ports.
  case noProcess
  /// There is no such process, or it has ended.
  case gone
  /// The process that the client means is unknown.
  case unknownNamespace
  /// It is another user's process.
  case notPermitted
  /// The process would have more ports than it may.
  case processLimit(Int)
  /// The user would have asked for more ports than it may.
  case userLimit(Int)
  /// There are not enough ports left.
  case exhausted(PoolUsage, LeaseOrder)
  /// The port to return is not leased, or not to the process that was named.
  case notLeased(UInt16)
  /// The port to return is another user's.
  case foreignLease(UInt16)
  /// The system refuses what the server needs.
  case broken(String)

  /// A warning for the administrator, which the log has at every level.
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

// MARK: - Errors of the system

extension Denial {
  /// Why a process cannot be found or watched.
  init(_ error: ProcessHandleError) {
    switch error {
    case .kernelThread: self = .noProcess
    case .hidden: self = .broken(Self.hidden)
    case .foreignProc:
      self = .broken(
        "/proc belongs to another pid namespace than this server; remount it "
          + "(mount -t proc proc /proc) and restart this server")
    case .watching(let error):
      self = .broken(
        "its end cannot be watched (pidfd_open): \(error); allow this server "
          + "that system call (Linux 5.4 or later)")
    case .reading(let error): self.init(error, reading: "stat")
    }
  }

  /// Why `/proc/PID/status` cannot be read.
  init(readingStatus error: Errno) {
    self.init(error, reading: "status")
  }

  private init(_ error: Errno, reading file: String) {
    switch error {
    case .permissionDenied: self = .broken(Self.hidden)
    case .resourceTemporarilyUnavailable:
      self = .broken(
        "it keeps executing other programs, so its /proc/PID/\(file) cannot be "
          + "read; ask again")
    case .tooManyOpenFiles, .tooManyOpenFilesInSystem:
      self = .broken(
        "cannot open /proc/PID/\(file): \(error); raise the limit on open files "
          + "(LimitNOFILE=, ulimit -n)")
    default:
      self = .broken(
        "cannot read /proc/PID/\(file): \(error); mount /proc, or free what the "
          + "system is short of")
    }
  }

  private static let hidden =
    "/proc hides it (hidepid), so its end cannot be watched; run this server as "
    + "a user that sees all processes"
}

// MARK: - Replies

extension Denial: CustomStringConvertible {
  /// The reply to a client of version 2.
  var reply: VersionTwoError { VersionTwoError(code, description) }

  /// The code of that reply.
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

  var description: String {
    switch self {
    case .noProcess: "the process cannot hold ports"
    case .gone: "there is no such process"
    case .unknownNamespace:
      "the client is in another pid namespace or has ended, so the process that "
        + "it means is unknown"
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
