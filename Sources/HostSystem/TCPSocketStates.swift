import CHostSystem
import Glibc
package import SystemPackage

/// The states that the TCP sockets of a port are in, as the kernel's socket
/// diagnostics say (sock_diag(7)).
///
/// Sockets that are bound and do nothing are among them from Linux 6.8 on;
/// an older kernel does not show those.
package struct TCPSocketStates: OptionSet, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// The state whose number in `net/tcp_states.h` is 6.
  package static let timeWait = TCPSocketStates(state: 6)

  private init(state: UInt8) {
    self.init(rawValue: state < 32 ? 1 << UInt32(state) : 1 << 31)
  }

  /// The states of all sockets with this local port, of both families.
  ///
  /// - Throws: What the system says where socket diagnostics are not to be
  ///   had.
  package static func onPort(
    _ port: UInt16
  ) throws(Errno) -> TCPSocketStates {
    let netlink = try Descriptor {
      socket(
        AF_NETLINK, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue),
        NETLINK_SOCK_DIAG)
    }
    var states: TCPSocketStates = []
    for family in [AF_INET, AF_INET6] {
      states.formUnion(
        try dump(UInt8(family), port, over: netlink.raw.rawValue))
    }
    return states
  }

  private struct Request {
    var header = nlmsghdr()
    var body = inet_diag_req_v2()
  }

  private static func dump(
    _ family: UInt8, _ port: UInt16, over netlink: Int32
  ) throws(Errno) -> TCPSocketStates {
    var request = Request()
    let size = MemoryLayout<Request>.size
    request.header.nlmsg_len = UInt32(size)
    request.header.nlmsg_type = UInt16(SOCK_DIAG_BY_FAMILY)
    request.header.nlmsg_flags = UInt16(NLM_F_REQUEST | NLM_F_DUMP)
    request.body.sdiag_family = family
    request.body.sdiag_protocol = UInt8(IPPROTO_TCP)
    request.body.idiag_states = .max
    request.body.id.idiag_sport = port.bigEndian
    try systemCall { send(netlink, &request, size, 0) }

    var states: TCPSocketStates = []
    var buffer = [UInt8](repeating: 0, count: 32_768)
    while true {
      let count = try systemCall { recv(netlink, &buffer, buffer.count, 0) }
      if try states.add(buffer[..<count], ofPort: port) { return states }
    }
  }

  /// Adds the port's states in one datagram of answers.
  ///
  /// The kernel narrows connections and listeners down to the port that was
  /// asked for, but sockets that are bound and do nothing it shows of every
  /// port.
  ///
  /// - Returns: Whether the dump ends with it.
  private mutating func add(
    _ datagram: ArraySlice<UInt8>, ofPort port: UInt16
  ) throws(Errno) -> Bool {
    let headerSize = MemoryLayout<nlmsghdr>.size
    var rest = datagram
    while rest.count >= headerSize {
      let header = rest.load(nlmsghdr.self)
      let length = Int(header.nlmsg_len)
      guard length >= headerSize, length <= rest.count else {
        throw .ioError
      }
      let body = rest.dropFirst(headerSize)
      switch Int32(header.nlmsg_type) {
      case NLMSG_DONE:
        return true
      case NLMSG_ERROR:
        guard body.count >= MemoryLayout<Int32>.size else { throw .ioError }
        throw Errno(rawValue: -body.load(Int32.self))
      default:
        guard body.count >= MemoryLayout<inet_diag_msg>.size else {
          throw .ioError
        }
        let message = body.load(inet_diag_msg.self)
        if message.id.idiag_sport == port.bigEndian {
          formUnion(TCPSocketStates(state: message.idiag_state))
        }
      }
      // Messages begin at multiples of four bytes.
      rest = rest.dropFirst((length + 3) & ~3)
    }
    return false
  }
}

extension ArraySlice<UInt8> {
  /// The bytes at the front as a value of a C structure; there have to be
  /// enough of them.
  fileprivate func load<Value: BitwiseCopyable>(_ type: Value.Type) -> Value {
    withUnsafeBytes { $0.loadUnaligned(as: type) }
  }
}
