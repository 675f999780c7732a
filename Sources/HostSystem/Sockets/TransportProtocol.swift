/// The two protocols that have ports.
package enum TransportProtocol: String, Hashable, Sendable, CaseIterable {
  case tcp
  case udp

  var socketType: __socket_type {
    switch self {
    case .tcp: SOCK_STREAM
    case .udp: SOCK_DGRAM
    }
  }
}
