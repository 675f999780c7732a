import HostSystem
import PortProtocol
package import SystemPackage

/// Why a port server did not do what it was asked to do.
package struct PortServerError: Error, Hashable, Sendable {
  /// A kind of failure.
  package enum Code: Hashable, Sendable {
    /// The address is empty, too long, or contains a zero byte.
    case invalidAddress
    /// Nothing answers at the address, or the connection broke.
    case unreachable
    /// The server did not answer within the time limit.
    case timedOut
    /// The reply does not follow the protocol.
    case malformedReply
    /// The pool does not have enough ports left.
    case exhausted
    /// The process does not exist, or the server cannot see it.
    case noSuchProcess
    /// The process, or the lease, belongs to another user.
    case notPermitted
    /// The server refuses for any other reason.
    case refused
  }

  package let code: Code
  /// What is wrong and what to do about it, in one line.
  package let description: String
  /// The system error behind it, if there is one.
  package let errno: Errno?

  init(_ code: Code, _ description: String, _ errno: Errno? = nil) {
    self.code = code
    self.description = description
    self.errno = errno
  }
}

extension PortServerClient {
  /// The error for a reply of version 2 that begins with `error`.
  ///
  /// Servers may add codes. A code that this client does not know is a refusal
  /// like any other: the server's own text says why.
  func refusal(_ error: VersionTwoError) -> PortServerError {
    let code: PortServerError.Code
    let advice: String
    switch error.code {
    case .exhausted:
      code = .exhausted
      advice = "end processes that hold ports, or \(alternative)"
    case .noSuchProcess:
      code = .noSuchProcess
      advice = "name a running process"
    case .notPermitted:
      code = .notPermitted
      advice = "ask as the user that owns it"
    case .limit:
      code = .refused
      advice = "return ports, or ask for a higher limit"
    default:
      code = .refused
      advice = "see its log, or \(alternative)"
    }
    return PortServerError(
      code,
      "the port server at '\(address.text)' refused: \(error.text); \(advice)")
  }

  /// The error for a refusal by version 1, which gives no reason.
  func refusal(of pid: Int32) -> PortServerError {
    PortServerError(
      .refused,
      "the port server at '\(address.text)' has no port for process \(pid): "
        + "its pool is exhausted, or it cannot see the process; end processes "
        + "that hold ports, or \(alternative)")
  }

  /// The error for a request that needs version 2, if the server knows only
  /// version 1.
  ///
  /// - Parameter lack: What version 1 lacks, and what to do.
  /// - Returns: The error.
  package func tooOld(_ lack: String) -> PortServerError {
    PortServerError(
      .refused,
      "the port server at '\(address.text)' knows only version 1 of the "
        + "protocol, which \(lack)")
  }

  /// The error for a system error on the connection.
  func failure(_ error: Errno, within limit: TimeLimit) -> PortServerError {
    if error == .timedOut {
      return PortServerError(
        .timedOut,
        "the port server at '\(address.text)' did not answer within "
          + "\(limit.duration); check what it is doing, or allow more time",
        error)
    }
    return PortServerError(
      .unreachable,
      "the port server at '\(address.text)' cannot be reached: \(error); "
        + "start it, or \(alternative)", error)
  }

  /// The error for a reply that does not follow the protocol.
  var malformedReply: PortServerError {
    PortServerError(
      .malformedReply,
      "'\(address.text)' did not answer with a port, so it is not a port server; "
        + alternative)
  }
}
