/// The two protocols that have ports.
package enum TransportProtocol: String, Hashable, Sendable, CaseIterable {
  case tcp
  case udp

  var socketType: Int32 {
    switch self {
    case .tcp: Int32(SOCK_STREAM.rawValue)
    case .udp: Int32(SOCK_DGRAM.rawValue)
    }
  }
}
