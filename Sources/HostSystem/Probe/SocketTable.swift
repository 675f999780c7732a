import CHostSystem
package import SystemPackage

/// A socket of this network namespace that has a local port.
package struct SocketEntry: Hashable, Sendable {
  package let transport: TransportProtocol
  /// Its local address in numbers, such as `127.0.0.1` or `::`.
  package let address: String
  /// Its local port.
  package let port: UInt16
  package let state: SocketState
  /// The user whose it is.
  package let user: UInt32
  /// The number by which `/proc/PID/fd` names it; 0 for what is left of a closed
  /// connection.
  package let inode: UInt64
}

/// What a socket does.
package enum SocketState: String, Hashable, Sendable {
  /// It accepts connections.
  case listening
  /// It has a port and is not connected.
  case bound
  /// It is, or is about to be, or was until now, one end of a connection.
  case connected
  /// It is what is left of a connection that this end closed first.
  case timeWait = "time-wait"
}

/// The sockets of this network namespace.
package enum SocketTable {
  /// All sockets of TCP and UDP that have a port, of both families.
  ///
  /// - Parameter ports: The ports that matter; `nil` for all.
  /// - Returns: The sockets, by port.
  /// - Throws: What the kernel says where neither socket diagnostics nor
  ///   `/proc/net` is to be had.
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
  /// Reads the number of a state in `net/tcp_states.h`, which UDP uses as well.
  init(number: UInt8) {
    self =
      switch number {
      // Closed, which UDP calls whatever is not connected, and bound (13).
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

  /// Reads a line of `/proc/net/tcp` or one of the files beside it
  /// (proc_pid_net(5)); `nil` where it is none.
  ///
  /// `0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000
  /// 1000 0 4242 …`: the address is in words of the machine's byte order.
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

/// An address in numbers (inet_ntop(3)).
private func addressText(_ words: [UInt32], isIPv6: Bool) -> String {
  var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
  inet_ntop(
    isIPv6 ? AF_INET6 : AF_INET, words, &text, socklen_t(text.count))
  return String(
    decoding: text.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) },
    as: UTF8.self)
}
