import PortProtocol

/// What a server did with a port that was returned.
package enum ReturnResult: Sendable {
  case returned
  /// The process does not have the port: it was returned before, or the process
  /// has ended.
  case notHeld
  case refused(PortServerError)
  /// The server knows only version 1 of the protocol, which cannot return ports.
  case versionOneOnly
}

extension ServerConnection {
  /// Returns a port.
  ///
  /// - Parameters:
  ///   - port: The port.
  ///   - pid: The process that has it. If another process has it, the port stays
  ///     with that process. With `nil`, it does not matter which process has it.
  /// - Returns: What the server did.
  /// - Throws: `unreachable`, `timedOut`, `malformedReply`. The server may have
  ///   taken the port then, and leased it again.
  package mutating func returnPort(
    _ port: UInt16, of pid: Int32?
  ) throws(PortServerError) -> ReturnResult {
    switch try send(.returnPorts([port], pid: pid)) {
    case .ok: return .returned
    case .error(let error)
    where error.code == .notLeased || error.code == .noSuchProcess:
      return .notHeld
    case .error(let error): return .refused(client.refusal(error))
    case .versionOneOnly: return .versionOneOnly
    }
  }
}

/// What became of ports that were to be returned.
package struct ReturnReport: Sendable {
  /// Ports that the server refused to take, and why.
  package var refused: [(port: UInt16, error: PortServerError)] = []
  /// The port whose return was requested when the connection failed.
  ///
  /// It may be leased to another process already.
  package var uncertain: UInt16?
  /// Ports whose return was never requested.
  package var unasked: [UInt16] = []
  /// Why they were not; `nil` if the server knows only version 1 of the protocol.
  package var failure: PortServerError?
}

extension PortServerClient {
  /// Returns ports of a process, one after another, over one connection.
  ///
  /// A port that the process no longer has counts as returned.
  ///
  /// - Parameters:
  ///   - ports: The ports.
  ///   - pid: The process that has them.
  ///   - limit: How long everything together may take.
  /// - Returns: What was not returned.
  package func returnPorts(
    _ ports: [UInt16], of pid: Int32, within limit: TimeLimit
  ) -> ReturnReport {
    var report = ReturnReport()
    var rest = ports[...]
    do throws(PortServerError) {
      var connection = try ServerConnection(to: self, within: limit)
      while let port = rest.popFirst() {
        report.uncertain = port
        switch try connection.returnPort(port, of: pid) {
        case .returned, .notHeld: break
        case .refused(let error): report.refused.append((port, error))
        case .versionOneOnly:
          rest = [port] + rest
          report.uncertain = nil
          report.unasked = Array(rest)
          return report
        }
        report.uncertain = nil
      }
    } catch {
      report.unasked = Array(rest)
      report.failure = error
    }
    return report
  }
}
