import CHostSystem
package import SystemPackage

/// A socket in this network namespace that has a local port.
package struct SocketEntry: Hashable, Sendable {
  package let transport: TransportProtocol
  /// The local address in numeric form, such as `127.0.0.1` or `::`.
  package let address: String
  /// The local port.
  package let port: UInt16
  package let state: SocketState
  /// The user that owns the socket.
  package let user: UInt32
  /// The number by which `/proc/PID/fd` names the socket; 0 for a TIME_WAIT
  /// remnant.
  package let inode: UInt64

  /// Whether any program can reach it: a TCP socket that accepts connections, or a UDP
  /// socket that is not connected.
  package var isListener: Bool {
    state == (transport == .udp ? .bound : .listening)
  }
}

/// The state of a socket, for both protocols.
package enum SocketState: String, Hashable, Sendable {
  /// It accepts connections.
  case listening
  /// It has a port and is not connected.
  case bound
  /// It is one end of a connection that is being opened, open, or being closed.
  case connected
  /// It is the remnant of a connection that this end closed first.
  case timeWait = "time-wait"
}

/// The sockets of this network namespace.
package enum SocketTable {
  /// All TCP and UDP sockets of both families that have a port.
  ///
  /// - Parameter ports: The ports to list; `nil` for all.
  /// - Returns: The sockets, sorted by port.
  /// - Throws: The error of reading `/proc/net` if that and socket diagnostics are
  ///   both not available.
  package static func sockets(
    onPorts ports: Set<UInt16>?
  ) throws(Errno) -> [SocketEntry] {
    let found: [SocketEntry]
    do {
      found = try fromDiagnostics(
        onPort: ports?.count == 1 ? ports?.first : nil)
    } catch {
      found = try fromFiles()
    }
    return
      found
      .filter { ports?.contains($0.port) ?? ($0.port != 0) }
      .sorted { ($0.port, $0.inode) < ($1.port, $1.inode) }
  }

  private static func fromDiagnostics(
    onPort port: UInt16?
  ) throws(Errno) -> [SocketEntry] {
    let diagnostics = try SocketDiagnostics()
    var sockets: [SocketEntry] = []
    for transport in TransportProtocol.allCases {
      for family in [AF_INET, AF_INET6] {
        try diagnostics.dump(family, transport, port: port) {
          sockets.append(SocketEntry($0, transport))
        }
      }
    }
    return sockets
  }

  /// Reads `/proc/net`, which does not show TCP sockets that are bound and do
  /// nothing.
  private static func fromFiles() throws(Errno) -> [SocketEntry] {
    var sockets: [SocketEntry] = []
    for transport in TransportProtocol.allCases {
      for (suffix, isOptional) in [("", false), ("6", true)] {
        do throws(Errno) {
          let text = try readTextFile(
            "/proc/net/\(transport.rawValue)\(suffix)", limit: 1 << 26)
          sockets += text.split(separator: "\n").dropFirst()
            .compactMap { SocketEntry(parsing: $0, transport) }
        } catch .noSuchFileOrDirectory where isOptional {
          continue
        }
      }
    }
    return sockets
  }
}

extension SocketState {
  /// The state with a number of `net/tcp_states.h`, which UDP uses as well.
  init(number: UInt8) {
    self =
      switch number {
      // Closed, as UDP reports every socket without a peer, and bound (13).
      case 7, 13: .bound
      case 10: .listening
      case 6: .timeWait
      default: .connected
      }
  }
}

extension SocketEntry {
  fileprivate init(_ message: inet_diag_msg, _ transport: TransportProtocol) {
    let source = message.id.idiag_src
    self.init(
      transport: transport,
      address: addressText(
        [source.0, source.1, source.2, source.3],
        isIPv6: message.idiag_family == UInt8(AF_INET6)),
      port: UInt16(bigEndian: message.id.idiag_sport),
      state: SocketState(number: message.idiag_state),
      user: message.idiag_uid, inode: UInt64(message.idiag_inode))
  }

  /// Parses a line of `/proc/net/tcp`, `tcp6`, `udp`, or `udp6` (proc_pid_net(5));
  /// `nil` if it is malformed.
  ///
  /// `0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000
  /// 1000 0 4242 …`: the address is in 32-bit words of the machine's byte order.
  init?(parsing line: some StringProtocol, _ transport: TransportProtocol) {
    let fields = line.split(separator: " ")
    guard fields.count > 9 else { return nil }
    let place = fields[1].split(separator: ":")
    guard
      place.count == 2, place[0].count == 8 || place[0].count == 32,
      let port = UInt16(place[1], radix: 16),
      let state = UInt8(fields[3], radix: 16),
      let user = UInt32(fields[7]), let inode = UInt64(fields[9])
    else { return nil }
    var words: [UInt32] = []
    var digits = place[0]
    while !digits.isEmpty {
      guard let word = UInt32(digits.prefix(8), radix: 16) else { return nil }
      words.append(word)
      digits = digits.dropFirst(8)
    }
    self.init(
      transport: transport,
      address: addressText(words, isIPv6: words.count == 4), port: port,
      state: SocketState(number: state), user: user, inode: inode)
  }
}

/// An address in numeric form (inet_ntop(3)).
private func addressText(_ words: [UInt32], isIPv6: Bool) -> String {
  withUnsafeTemporaryAllocation(
    of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)
  ) { buffer in
    inet_ntop(
      isIPv6 ? AF_INET6 : AF_INET, words, buffer.baseAddress,
      socklen_t(buffer.count)
    ).map { String(cString: $0) } ?? ""
  }
}
