import HostSystem
import PortLedger
import SystemPackage

/// Whether any program could bind a port now: on TCP and on UDP, on every address of
/// both IP families, whatever socket options it sets.
///
/// Unlike the original, this counts a port as in use if a socket that has set
/// `SO_REUSEADDR` is bound to it, or if closed connections linger on it (TIME_WAIT).
/// Leases play no part.
///
/// - Parameter port: The port, within 1–65535.
/// - Returns: Whether it is free; `false` also if this process lacks the privilege to
///   bind it.
/// - Throws: ``PortPickerError/Code/invalidArgument`` for any other number;
///   ``PortPickerError/Code/systemFailure`` if the system lacks a resource, such as
///   descriptors.
/// - SeeAlso: `is_port_free` of the original.
public func isPortFree(_ port: Int) throws(PortPickerError) -> Bool {
  let port = try validPort(port)
  return try failing("cannot probe port \(port)") { () throws(Errno) in
    try PortProbe.isFree(port)
  }
}

/// Binds a port of one protocol and closes it at once.
///
/// - Parameters:
///   - port: The port, within 0–65535; 0 lets the kernel choose one.
///   - transport: TCP or UDP.
/// - Returns: The port, or `nil` if it is in use or this process lacks the privilege
///   to bind it.
/// - Throws: ``PortPickerError/Code/invalidArgument`` for any other number;
///   ``PortPickerError/Code/systemFailure`` if the system lacks a resource, such as
///   descriptors.
/// - SeeAlso: `bind` of the original.
public func probePort(
  _ port: Int = 0, over transport: Transport
) throws(PortPickerError) -> Int? {
  let port = port == 0 ? 0 : try validPort(port)
  return try failing("cannot probe port \(port)") { () throws(Errno) in
    do throws(Errno) {
      let socket = try PortSocket(binding: port, transport.transportProtocol)
      return Int(try socket.port())
    } catch {
      _ = try PortStatus(refusal: error)
      return nil
    }
  }
}

/// A protocol that has ports.
///
/// No cases will be added, so a switch over both is exhaustive.
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
