import HostSystem
import SystemPackage

/// Whether any program could bind a port now: on TCP and on UDP, on every
/// address of both IP families, whatever socket options it sets.
///
/// Unlike the original, this counts a port as taken where a socket that has set
/// `SO_REUSEADDR` is bound to it, and where closed connections linger on it
/// (TIME_WAIT). It does not say whether the port is leased to somebody.
///
/// - Parameter port: The port, within 1–65535.
/// - Returns: `false` also for a port that needs a privilege to be bound which
///   this process does not have.
/// - Throws: ``PortPickerError/Code/invalidArgument`` for another number,
///   ``PortPickerError/Code/systemFailure`` where the system is short of
///   something, so that nobody can tell.
/// - SeeAlso: `is_port_free` of the original.
public func isPortFree(_ port: Int) throws(PortPickerError) -> Bool {
  let port = try validPort(port)
  do {
    return try PortProbe.isFree(port)
  } catch {
    throw probeFailure(port, error)
  }
}

/// Binds a port, of one protocol alone, and closes it at once.
///
/// - Parameters:
///   - port: The port, within 0–65535; 0 lets the kernel choose one.
///   - transport: TCP or UDP.
/// - Returns: The port, or `nil` where it cannot be bound: because something
///   has it, or because that needs a privilege.
/// - Throws: As ``isPortFree(_:)``.
/// - SeeAlso: `bind` of the original.
public func probePort(
  _ port: Int = 0, over transport: Transport
) throws(PortPickerError) -> Int? {
  let port = port == 0 ? 0 : try validPort(port)
  do {
    let socket = try PortSocket(binding: port, transport.transportProtocol)
    return Int(try socket.port())
  } catch {
    guard (try? PortStatus(refusal: error)) != nil else {
      throw probeFailure(port, error)
    }
    return nil
  }
}

/// A protocol that has ports.
///
/// It never gets further cases, so that a switch over both is complete.
public enum Transport: Hashable, Sendable, CaseIterable {
  /// The Transmission Control Protocol (RFC 9293).
  case tcp
  /// The User Datagram Protocol (RFC 768).
  case udp

  fileprivate var transportProtocol: TransportProtocol {
    switch self {
    case .tcp: .tcp
    case .udp: .udp
    }
  }
}

private func probeFailure(_ port: UInt16, _ error: Errno) -> PortPickerError {
  PortPickerError(
    .systemFailure,
    "port \(port) cannot be probed: \(error); free what the system is short of",
    error)
}
