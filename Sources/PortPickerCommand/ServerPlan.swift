import HostSystem
import PortLeasing
import PortPicker
import ServerProcesses

/// The servers of `portpicker with`, before they have ports.
struct ServerPlan {
  /// A server, and a name by which messages can call it.
  struct Server {
    let label: String
    let command: ServerCommand
    /// The ports that no server before it names.
    let own: [PortName]
    let transport: TransportProtocol
  }

  let servers: [Server]
  /// The names of the ports, in the order in which they first occur.
  let portNames: [PortName]

  /// Parses `--server` and `--udp`.
  ///
  /// - Throws: `invalidArgument`.
  init(servers texts: [String], udp: [String]) throws(PortPickerError) {
    if texts.isEmpty {
      throw PortPickerError(
        .invalidArgument,
        "no server is named; expected --server 'PROGRAM --port {NAME}'")
    }
    var servers: [Server] = []
    var names: [PortName] = []
    for text in texts {
      let words = try Self.words(of: text)
      let command = ServerCommand(words.map { Array($0.utf8) })
      if command.portNames.isEmpty {
        throw PortPickerError(
          .invalidArgument,
          "--server '\(text)' names no port; write {NAME} where the server "
            + "expects its port")
      }
      let own = command.portNames.filter { !names.contains($0) }
      names += own
      servers.append(
        Server(
          label: Self.label(own, words, others: servers.map(\.label)),
          command: command, own: own,
          transport: own.contains { udp.contains($0.text) } ? .udp : .tcp))
    }
    for name in udp where !names.contains(where: { $0.text == name }) {
      throw PortPickerError(
        .invalidArgument,
        "--udp names '\(name)', which no server does; the names are "
          + Self.list(names))
    }
    self.servers = servers
    portNames = names
  }

  private static func words(
    of text: String
  ) throws(PortPickerError) -> [String] {
    do {
      return try CommandWords(parsing: text).words
    } catch {
      throw PortPickerError(.invalidArgument, "--server '\(text)': \(error)")
    }
  }

  /// The first name of its own ports, else the name of its program.
  private static func label(
    _ own: [PortName], _ words: [String], others: [String]
  ) -> String {
    if let name = own.first { return name.text }
    let program = words.first?.split(separator: "/").last.map { String($0) }
    let label = program ?? "server"
    return others.contains(label) ? "\(label)-\(others.count + 1)" : label
  }

  private static func list(_ names: [PortName]) -> String {
    names.map { "{\($0.text)}" }.joined(separator: ", ")
  }

  /// Ports in place of the real ones.
  var placeholderPorts: [PortName: UInt16] {
    var ports: [PortName: UInt16] = [:]
    for name in portNames { ports[name] = 0 }
    return ports
  }

  /// The arguments of the program with ports in place of their names.
  ///
  /// - Throws: `invalidArgument` if no server names the port.
  func fill(
    _ arguments: [[UInt8]], with ports: [PortName: UInt16]
  ) throws(PortPickerError) -> [[UInt8]] {
    do throws(UnknownPortName) {
      return try ServerCommand(arguments).arguments(with: ports)
    } catch {
      throw PortPickerError(
        .invalidArgument,
        "no server names the port {\(error.text)} of the command; the names are "
          + "\(Self.list(portNames)); write {{\(error.text)}} for the text "
          + "{\(error.text)}")
    }
  }

  /// The servers with their ports.
  ///
  /// - Throws: `invalidArgument`, never if `ports` has all names.
  func descriptions(
    with ports: ServerPorts, startLimit: Duration
  ) throws(PortPickerError) -> [(label: String, ServerDescription)] {
    try servers.map { server throws(PortPickerError) in
      let arguments: [[UInt8]]
      do throws(UnknownPortName) {
        arguments = try server.command.arguments(with: ports.byName)
      } catch {
        throw PortPickerError(
          .invalidArgument, "the port {\(error.text)} is missing")
      }
      var description = ServerDescription(
        arguments: arguments, ports: server.own.compactMap { ports.byName[$0] })
      description.transport = server.transport
      description.environment = ports.environment
      description.startLimit = startLimit
      return (server.label, description)
    }
  }
}

/// The ports of servers, and the variables that say which they are.
struct ServerPorts {
  var byName: [PortName: UInt16] = [:]
  /// Variables of named ports, besides `NAME_PORT`.
  var namedVariables: [(name: String, value: String?)] = []

  var environment: [(name: String, value: String?)] {
    namedVariables + environmentVariables(of: byName)
  }
}

extension WithCommand {
  /// Picks a port for each name, or takes the directory's own.
  func ports(of plan: ServerPlan) throws(PortPickerError) -> ServerPorts {
    var ports = named ? try namedPorts(of: plan) : ServerPorts()
    let missing = plan.portNames.filter { ports.byName[$0] == nil }
    if missing.isEmpty { return ports }
    var options = PickOptions()
    options.pool = pool.pool
    let pick = try Picker.shared.pick(
      PickRequest(count: missing.count, options: options))
    pick.warnOfUnusedPool(options)
    for (name, port) in zip(missing, pick.ports) { ports.byName[name] = port }
    return ports
  }

  /// The ports of those names that the directory has.
  private func namedPorts(
    of plan: ServerPlan
  ) throws(PortPickerError) -> ServerPorts {
    let place = try Place(at: place.directory)
    let manifest = try Manifest.read(at: place.path)
    let known = Set(
      try PortPicker.namedPorts(at: place.path).map(\.name)
        + (manifest?.entries.map(\.name) ?? []))
    let names = plan.portNames.map(\.text).filter(known.contains)
    if names.isEmpty { return ServerPorts() }
    let claims = try PortPicker.namedPorts(names, at: place.path)
    try RunCommand.requireUnused(claims, at: place)
    var ports = ServerPorts()
    for claim in claims {
      if let name = PortName(claim.name), let port = claim.portNumbers.first {
        ports.byName[name] = port
      }
    }
    ports.namedVariables = try NamedPortVariables(claims, manifest: manifest)
      .variables.map { ($0.name, "\($0.value)") }
    return ports
  }
}
