import ArgumentParser
import HostSystem
import PortPicker

/// `portpicker names`: which names there are, and who listens on their ports.
struct NamesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "names",
    abstract: "List names, their ports, and the processes that use them.",
    discussion: """
      Lists the names of a directory, and those of its .ports file that have no \
      port yet. Nothing is claimed. WHOSE is mine if the process belongs to the \
      directory that has the name, other if it does not, and unknown if that \
      cannot be determined: see portpicker check --help.

      With --all, it lists the names of all directories. Those that do not exist \
      any more are marked as gone.

      Exit status: 0 on success; 1 if the names cannot be read; 64 if an argument \
      is invalid.
      """)

  @Flag(help: "List the names of all of this user's directories.")
  var all = false

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var place: PlaceOption

  func validate() throws {
    if all, place.directory != nil {
      throw ValidationError("--all and --at cannot be combined")
    }
  }

  func run() throws {
    let place = try Place(at: place.directory)
    let names =
      all
      ? try namedPortsOfAllPlaces().map { ListedName($0) }
      : try ListedName.ofPlace(place.path)
    let uses = try NameUse.of(names, in: place)
    if json {
      try print(JSON.object([("names", .array(uses.map(\.json)))]).text)
    } else {
      let terminal = Terminal.onStandardOutput()
      try print(
        NameUse.table(uses, withPlaces: all).lines(width: terminal?.columns)
          .joined(separator: "\n"))
    }
  }
}

/// A name with its ports, or one of a manifest that has none yet.
struct ListedName {
  let name: String
  let place: String
  /// `nil` if it is not claimed.
  let claim: NamedPort?

  init(_ claim: NamedPort) {
    name = claim.name
    place = claim.place
    self.claim = claim
  }

  private init(unclaimed name: String, at place: String) {
    self.name = name
    self.place = place
    claim = nil
  }

  /// The names of a place: those that are claimed, then the rest of its manifest.
  ///
  /// Those that are claimed have the order of the manifest, followed by the others.
  static func ofPlace(
    _ place: String
  ) throws(PortPickerError) -> [ListedName] {
    let claims = try namedPorts(at: place)
    let listed = try Manifest.read(at: place)?.entries.map(\.name) ?? []
    return listed.map { name in
      claims.first { $0.name == name }.map { ListedName($0) }
        ?? ListedName(unclaimed: name, at: place)
    } + claims.filter { !listed.contains($0.name) }.map { ListedName($0) }
  }
}

/// A name and the processes that listen on its ports.
struct NameUse {
  let name: ListedName
  let listeners: [Listener]

  struct Listener {
    let port: UInt16
    let process: PortOwnership.Listener
    /// Whose it is, for the place of the name.
    let verdict: PortOwnership.Verdict
  }

  /// Looks at the ports of names.
  ///
  /// - Throws: `systemFailure`.
  static func of(
    _ names: [ListedName], in place: Place
  ) throws(PortPickerError) -> [NameUse] {
    let ports = Set(names.flatMap { $0.claim?.portNumbers ?? [] })
    let owned = try PortOwnership.of(ports.sorted(), in: place)
    let listeners = Dictionary(grouping: owned, by: \.port)
      .mapValues { $0.flatMap(\.listeners) }
    return names.map { name in
      let own = (name.claim?.portNumbers ?? []).flatMap { port in
        (listeners[port] ?? []).map { process in
          Listener(
            port: port, process: process,
            verdict: process.verdict.forPlace(
              name.place, insteadOf: place.path))
        }
      }
      return NameUse(name: name, listeners: own)
    }
  }

  static func table(_ uses: [NameUse], withPlaces: Bool) -> Table {
    var table =
      withPlaces
      ? Table("PLACE", "NAME", "PORT", "PID", "WHOSE", "COMMAND")
      : Table("NAME", "PORT", "PID", "WHOSE", "COMMAND")
    for use in uses {
      let place = use.name.claim?.placeText ?? use.name.place
      for row in use.rows { table.add(withPlaces ? [place] + row : row) }
    }
    return table
  }

  /// One row if nobody listens, else one for each process.
  ///
  /// A block has a row of its own, because its processes use some of its ports.
  private var rows: [[String]] {
    guard let claim = name.claim else {
      return [[name.name, "not claimed yet", "-", "-", "-"]]
    }
    let rows = listeners.map { listener in
      [
        name.name, "\(listener.port)", listener.process.pidText,
        listener.verdict.word, listener.process.command ?? "?",
      ]
    }
    if rows.isEmpty || claim.ports.count > 1 {
      return [[name.name, claim.portsText, "-", "-", "-"]] + rows
    }
    return rows
  }

  var json: JSON {
    .object([
      ("name", .string(name.name)), ("place", .string(name.place)),
      ("ports", .array((name.claim?.ports ?? []).map { .int($0) })),
      ("claimedAt", name.claim.map { .int(Int($0.claimedAt)) } ?? .null),
      ("goneSince", name.claim?.goneSince.map { .int(Int($0)) } ?? .null),
      (
        "listeners",
        .array(
          listeners.map { $0.process.json(on: $0.port, $0.verdict) })
      ),
    ])
  }
}
