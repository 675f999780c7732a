import CHostSystem
import SystemPackage

/// The kernel's socket diagnostics for sockets that have ports (sock_diag(7)).
struct SocketDiagnostics: ~Copyable {
  private let netlink: Descriptor

  /// - Throws: The error of socket(2) if socket diagnostics are not available.
  init() throws(Errno) {
    netlink = try Descriptor(
      socket: AF_NETLINK, SOCK_RAW, protocol: NETLINK_SOCK_DIAG)
  }

  private struct Request {
    var header = nlmsghdr()
    var body = inet_diag_req_v2()
  }

  /// Lists all sockets of a family and a protocol.
  ///
  /// - Parameters:
  ///   - family: `AF_INET` or `AF_INET6`.
  ///   - transport: The protocol.
  ///   - port: The local port of the sockets; `nil` for any port.
  ///   - body: Called with each socket.
  /// - Throws: The error of send(2) or recv(2), the error that the kernel replies
  ///   with, or `Errno.ioError` if its reply is malformed.
  func dump(
    _ family: Int32, _ transport: TransportProtocol, port: UInt16?,
    _ body: (inet_diag_msg) -> Void
  ) throws(Errno) {
    let netlink = netlink.raw.rawValue
    var request = Request()
    let size = MemoryLayout<Request>.size
    request.header.nlmsg_len = UInt32(size)
    request.header.nlmsg_type = UInt16(SOCK_DIAG_BY_FAMILY)
    request.header.nlmsg_flags = UInt16(NLM_F_REQUEST | NLM_F_DUMP)
    request.body.sdiag_family = UInt8(family)
    request.body.sdiag_protocol = transport.number
    request.body.idiag_states = .max
    request.body.id.idiag_sport = (port ?? 0).bigEndian
    try systemCall { send(netlink, &request, size, 0) }

    var buffer = [UInt8](repeating: 0, count: 32_768)
    while true {
      let count = try systemCall { recv(netlink, &buffer, buffer.count, 0) }
      // The kernel filters connections and listeners by port, but not TCP sockets
      // that are bound and do nothing.
      let isLast = try Self.read(buffer[..<count]) { message in
        if port == nil || message.id.idiag_sport == port?.bigEndian {
          body(message)
        }
      }
      if isLast { return }
    }
  }

  /// Parses one datagram of the reply.
  ///
  /// - Returns: Whether it is the last.
  private static func read(
    _ datagram: ArraySlice<UInt8>, _ body: (inet_diag_msg) -> Void
  ) throws(Errno) -> Bool {
    let headerSize = MemoryLayout<nlmsghdr>.size
    var rest = datagram
    while rest.count >= headerSize {
      let header = rest.load(nlmsghdr.self)
      let length = Int(header.nlmsg_len)
      guard length >= headerSize, length <= rest.count else {
        throw .ioError
      }
      let message = rest.dropFirst(headerSize)
      switch Int32(header.nlmsg_type) {
      case NLMSG_DONE:
        return true
      case NLMSG_ERROR:
        guard message.count >= MemoryLayout<Int32>.size else { throw .ioError }
        throw Errno(rawValue: -message.load(Int32.self))
      default:
        guard message.count >= MemoryLayout<inet_diag_msg>.size else {
          throw .ioError
        }
        body(message.load(inet_diag_msg.self))
      }
      // Messages are aligned to four bytes.
      rest = rest.dropFirst((length + 3) & ~3)
    }
    return false
  }
}

extension TransportProtocol {
  /// The protocol's number (protocols(5)).
  fileprivate var number: UInt8 {
    switch self {
    case .tcp: UInt8(IPPROTO_TCP)
    case .udp: UInt8(IPPROTO_UDP)
    }
  }
}

extension ArraySlice<UInt8> {
  /// The first bytes as a value of a C structure.
  ///
  /// The slice must hold at least as many bytes as the structure.
  fileprivate func load<Value: BitwiseCopyable>(_ type: Value.Type) -> Value {
    withUnsafeBytes { $0.loadUnaligned(as: type) }
  }
}
