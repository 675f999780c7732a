import HostSystem
import PortLedger
import PortPicker
import SystemPackage

/// The use of a port: its status, sockets, and leases.
struct PortUse {
  let port: UInt16
  let tcp: PortStatus
  let udp: PortStatus
  /// The sockets on the port, grouped.
  let sockets: [SocketGroup]
  let leases: [(lease: PortLease, origin: String)]
  /// The names that have the port, of any place.
  let claims: [NamedPort]
  /// The command lines of the processes, by pid.
  private let commands: [Int32: String]

  /// Sockets with the same properties: a server may have thousands of connections.
  struct SocketGroup: Hashable {
    let transport: TransportProtocol
    let address: String
    let state: SocketState
    let user: UInt32
    let processes: [Int32]
    var count = 1
  }

  /// Examines ports.
  ///
  /// - Throws: `systemFailure`.
  static func of(
    _ ports: [UInt16], leases: [(lease: PortLease, origin: String)],
    claims: [NamedPort]
  ) throws(PortPickerError) -> [PortUse] {
    // The sockets come first, because a probe might show up among them.
    let sockets = try failing("cannot list the sockets of a port") {
      () throws(Errno) in
      try SocketTable.sockets(onPorts: Set(ports))
    }
    let owners = socketOwners(
      of: Set(sockets.map(\.inode).filter { $0 != 0 }))
    let commands = Picker.shared.commandLines.commandLines(
      of: Set(owners.values.joined()))
    var uses: [PortUse] = []
    for port in ports {
      var groups: [SocketGroup] = []
      for socket in sockets where socket.port == port {
        let group = SocketGroup(
          transport: socket.transport, address: socket.address,
          state: socket.state, user: socket.user,
          processes: owners[socket.inode] ?? [])
        if let index = groups.firstIndex(where: { $0.isLike(group) }) {
          groups[index].count += 1
        } else {
          groups.append(group)
        }
      }
      uses.append(
        PortUse(
          port: port, tcp: try status(of: port, .tcp),
          udp: try status(of: port, .udp), sockets: groups,
          leases: leases.filter { $0.lease.port == Int(port) },
          claims: claims.filter { $0.ports.contains(Int(port)) },
          commands: commands))
    }
    return uses
  }

  /// Whether any program can bind the port.
  var isFree: Bool { tcp == .free && udp == .free }

  static func isTaken(_ port: UInt16) throws(PortPickerError) -> Bool {
    if try status(of: port, .tcp) != .free { return true }
    return try status(of: port, .udp) != .free
  }

  /// Whether nothing listens on a port; for UDP, whether no unconnected socket is
  /// bound to it.
  static func isIdle(
    _ port: UInt16, _ transport: TransportProtocol
  ) throws(PortPickerError) -> Bool {
    try failing("cannot list the sockets of a port") { () throws(Errno) in
      !(try SocketTable.sockets(onPorts: [port]))
        .contains { $0.transport == transport && $0.isListener }
    }
  }

  private static func status(
    of port: UInt16, _ transport: TransportProtocol
  ) throws(PortPickerError) -> PortStatus {
    try failing("cannot probe port \(port)") { () throws(Errno) in
      try PortProbe.status(of: port, over: transport)
    }
  }
}

extension PortUse.SocketGroup {
  fileprivate func isLike(_ other: Self) -> Bool {
    var copy = self
    copy.count = other.count
    return copy == other
  }
}

extension PortStatus {
  fileprivate var word: String {
    switch self {
    case .free: "free"
    case .lingering: "lingering"
    case .inUse: "in use"
    case .denied: "denied"
    }
  }
}

// MARK: - Text

extension PortUse {
  static func table(_ uses: [PortUse]) -> Table {
    var table = Table(
      "PORT", "WHAT", "STATUS", "ADDRESS", "SOCKET", "PID", "USER", "COMMAND")
    for use in uses {
      let port = "\(use.port)"
      for (transport, status) in [(.tcp, use.tcp), (.udp, use.udp)]
        as [(TransportProtocol, PortStatus)]
      {
        let groups = use.sockets.filter { $0.transport == transport }
        if groups.isEmpty {
          table.add(port, transport.rawValue, status.word, "", "", "", "", "")
        }
        for group in groups {
          let state =
            group.state.rawValue + (group.count == 1 ? "" : " (\(group.count))")
          // A closed connection has no owner.
          let user = group.state == .timeWait ? "" : name(of: group.user)
          let pids: [Int32?] =
            group.processes.isEmpty ? [nil] : group.processes.map { $0 }
          for pid in pids {
            table.add(
              port, transport.rawValue, status.word, group.address, state,
              pid.map { "\($0)" } ?? "", user,
              pid.map { use.commands[$0] ?? "?" } ?? "")
          }
        }
      }
      for (lease, origin) in use.leases {
        table.add(
          port, "lease", origin, "", "for \(ageText(lease.age))",
          "\(lease.pid)",
          name(of: lease.user), lease.command ?? "?")
      }
      for claim in use.claims {
        table.add(port, "name", claim.name, "", "", "", "", claim.place)
      }
    }
    return table
  }

  var json: JSON {
    .object([
      ("port", .int(Int(port))), ("free", .bool(isFree)),
      ("tcp", json(.tcp, tcp)), ("udp", json(.udp, udp)),
      (
        "leases",
        .array(
          leases.map { lease, origin in
            .object([("source", .string(origin)), ("lease", lease.json)])
          })
      ),
      ("names", .array(claims.map(\.json))),
    ])
  }

  private func json(
    _ transport: TransportProtocol, _ status: PortStatus
  ) -> JSON {
    .object([
      ("status", .string(status.word)),
      (
        "sockets",
        .array(
          sockets.filter { $0.transport == transport }.map { group in
            .object([
              ("address", .string(group.address)),
              ("state", .string(group.state.rawValue)),
              ("count", .int(group.count)), ("uid", .int(Int(group.user))),
              ("user", JSON(userName(of: group.user))),
              (
                "processes",
                .array(
                  group.processes.map { pid in
                    .object([
                      ("pid", .int(Int(pid))),
                      ("command", .string(commands[pid] ?? "?")),
                    ])
                  })
              ),
            ])
          })
      ),
    ])
  }
}
