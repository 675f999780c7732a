import CHostSystem
import SystemPackage

/// What the kernel says of the sockets that have ports (sock_diag(7)).
struct SocketDiagnostics: ~Copyable {
  private let netlink: Descriptor

  /// - Throws: What `socket(2)` says, where socket diagnostics are not to be had.
  init() throws(Errno) {
    netlink = try Descriptor {
      socket(
        AF_NETLINK, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue),
        NETLINK_SOCK_DIAG)
    }
  }

  private struct Request {
    var header = nlmsghdr()
    var body = inet_diag_req_v2()
  }

  /// Asks for all sockets of a family and a protocol.
  ///
  /// - Parameters:
  ///   - family: `AF_INET` or `AF_INET6`.
  ///   - transport: The protocol.
  ///   - port: The local port that they have; `nil` for any.
  ///   - body: Told of each.
  /// - Throws: What the kernel says.
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
      // The kernel narrows connections and listeners down to the port that was
      // asked for, but TCP sockets that are bound and do nothing it shows of
      // every port.
      let isLast = try Self.read(buffer[..<count]) { message in
        if port == nil || message.id.idiag_sport == port?.bigEndian {
          body(message)
        }
      }
      if isLast { return }
    }
  }

  /// Reads one datagram of answers.
  ///
  /// - Returns: Whether the dump ends with it.
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
      // Messages begin at multiples of four bytes.
      rest = rest.dropFirst((length + 3) & ~3)
    }
    return false
  }
}

extension TransportProtocol {
  /// Its number (protocols(5)).
  fileprivate var number: UInt8 {
    switch self {
    case .tcp: UInt8(IPPROTO_TCP)
    case .udp: UInt8(IPPROTO_UDP)
    }
  }
}

extension ArraySlice<UInt8> {
  /// The bytes at the front as a value of a C structure; there have to be
  /// enough of them.
  fileprivate func load<Value: BitwiseCopyable>(_ type: Value.Type) -> Value {
    withUnsafeBytes { $0.loadUnaligned(as: type) }
  }
}
