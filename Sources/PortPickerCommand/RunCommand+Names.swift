import ArgumentParser
import HostSystem
import PortPicker
import SystemPackage

// MARK: - Running a program on the ports of names

extension RunCommand {
  func validateNames() throws {
    if name.isEmpty {
      if place.directory != nil {
        throw ValidationError("--at requires --name")
      }
      return
    }
    if picking.count != 1 {
      throw ValidationError(
        "--name and --count cannot be combined; portpicker name NAME --count N "
          + "claims several ports")
    }
    if picking.contiguous {
      throw ValidationError(
        "--name and --contiguous cannot be combined; the ports of a name are "
          + "consecutive")
    }
    if picking.source.server != nil || picking.source.requireServer {
      throw ValidationError(
        "--name cannot be combined with --server or --require-server; ports of "
          + "names do not come from port servers")
    }
  }

  /// Claims the names and prepares the program.
  func programWithNames(
    _ arguments: [[UInt8]]
  ) throws(PortPickerError) -> ProgramExecution {
    let place = try Place(at: place.directory)
    let options = NamedPortOptions(picking.pool.pool, picking.source.timeout)
    let manifest = try Manifest.read(at: place.path)
    let (own, others) = try claim(at: place, manifest, options)
    let ports = own.flatMap(\.portNumbers)
    var placeholders = Placeholders(ports: ports)
    for claim in own + others {
      placeholders.names[claim.name] = claim.portNumbers.first
    }
    var program = ProgramExecution(
      arguments: try placeholders.fill(arguments))
    try Self.requireUnused(own, at: place)
    program.environment = try NamedPortVariables(
      own + others, manifest: manifest
    ).variables.map { ($0.name, "\($0.value)") }
    program.environment += environment(of: ports)
    if listen {
      for claim in own {
        for port in claim.portNumbers {
          program.sockets.append(
            (try listen(on: port, claim, at: place), claim.name))
        }
      }
    }
    return program
  }

  /// Claims the names, and those of the manifest.
  private func claim(
    at place: Place, _ manifest: Manifest?, _ options: NamedPortOptions
  ) throws(PortPickerError) -> (own: [NamedPort], others: [NamedPort]) {
    var seen: Set<String> = []
    let names = name.filter { seen.insert($0).inserted }
    let others =
      manifest?.entries.map(\.name)
      .filter { !seen.contains($0) } ?? []
    // In one step, so that it claims all or none.
    let claims = try namedPorts(
      names + others, at: place.path, options: options)
    return (
      Array(claims.prefix(names.count)), Array(claims.dropFirst(names.count))
    )
  }

  /// Requires that no process listens on the ports.
  ///
  /// Connections that are left from an earlier server do not matter: a server that
  /// sets `SO_REUSEADDR` can bind the port.
  static func requireUnused(
    _ claims: [NamedPort], at place: Place
  ) throws(PortPickerError) {
    let ports = claims.flatMap { claim in
      claim.portNumbers.map { (claim, $0) }
    }
    let owned = try PortOwnership.of(ports.map(\.1), in: place)
    for ((claim, _), ownership) in zip(ports, owned) {
      if let error = inUse(claim, ownership) { throw error }
    }
  }

  /// The error that somebody listens on a port; `nil` if nobody does.
  private static func inUse(
    _ claim: NamedPort, _ ownership: PortOwnership
  ) -> PortPickerError? {
    let listeners = ownership.listeners
    guard
      let listener = listeners.first(where: { $0.verdict == .mine })
        ?? listeners.first
    else { return nil }
    let what = "\(claim.name) (port \(ownership.port))"
    return PortPickerError(
      .systemFailure,
      listener.verdict == .mine
        ? "\(what) is already running: \(listener.text)"
        : "\(what) is in use by \(listener.textWithDirectory); end it, or give "
          + "the name another port: portpicker forget \(claim.name)")
  }

  /// A socket that listens on a port of a name.
  private func listen(
    on port: UInt16, _ claim: NamedPort, at place: Place
  ) throws(PortPickerError) -> FileDescriptor {
    do {
      if let host { return try host.listen(onPort: port) }
      // Connections that are left from an earlier server do not matter.
      let socket = try PortSocket(binding: port, .tcp, reusingAddress: true)
      try socket.listen(backlog: 4096)
      return socket.release()
    } catch {
      if error == .addressInUse,
        let ownership = try PortOwnership.of([port], in: place).first,
        let error = Self.inUse(claim, ownership)
      {
        throw error
      }
      throw PortPickerError(
        .systemFailure,
        "cannot listen on port \(port) (\(claim.name))"
          + (host.map { " at \($0.text)" } ?? "") + ": \(error)", error)
    }
  }
}
