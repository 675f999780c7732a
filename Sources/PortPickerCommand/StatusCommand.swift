import ArgumentParser
import HostSystem
import PortPicker

/// `portpicker status`: where ports come from and which processes hold them.
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show where ports come from and which processes hold them.",
    discussion: """
      Shows the pool, how many of its ports are leased, free and in use, and all \
      leases: those of the port server or, without one, those of the ledger. The \
      names of all of your directories, and their ports, follow.

      Exit status: 0 on success; 1 if the leases cannot be read; 64 if an argument \
      is invalid.
      """)

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(help: "Update the output every second until interrupted.")
  var watch = false

  @OptionGroup var source: SourceOptions

  @OptionGroup var pool: PoolOption

  func validate() throws {
    if watch, json {
      throw ValidationError("--watch and --json cannot be combined")
    }
  }

  func run() throws {
    let options = source.pickOptions(pool)
    if json {
      let status = try portSourceStatus(options: options)
      try print(status.json(namedPortsOrWarning()).text)
      return
    }
    guard watch else {
      let terminal = Terminal.onStandardOutput()
      let status = try portSourceStatus(options: options)
      try print(
        status.lines(on: terminal, named: namedPortsOrWarning(), withAll: true)
          .joined(separator: "\n"))
      return
    }
    guard Terminal.onStandardOutput()?.canMoveCursor == true else {
      throw PortPickerError(
        .invalidArgument,
        "--watch requires a terminal with a movable cursor; leave it out, or use "
          + "--json")
    }
    while true {
      // The terminal may have been resized.
      let terminal = Terminal.onStandardOutput()
      let status = try portSourceStatus(options: options)
      // Cursor home; clear to the end of each line, and below the last one.
      let lines = status.lines(
        on: terminal, named: (try? Picker.shared.claimsReport().claims) ?? [],
        withAll: false)
      try print(
        "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\n")
          + "\u{1B}[J")
      pause(for: .seconds(1))
    }
  }
}

/// Writes lines to standard output.
func print(_ text: String) throws(PortPickerError) {
  do {
    try writeToStandardOutput(text)
  } catch {
    throw PortPickerError(
      .systemFailure, "cannot write to standard output: \(error)", error)
  }
}

extension PortSourceStatus {
  /// The status as text.
  ///
  /// - Parameters:
  ///   - terminal: The terminal that shows it, if any.
  ///   - claims: The named ports.
  ///   - withAll: Whether to list more than fits on the terminal.
  /// - Returns: Lines.
  fileprivate func lines(
    on terminal: Terminal?, named claims: [NamedPort], withAll: Bool
  ) -> [String] {
    let place =
      if let (address, version) = origin.server {
        "port server \(version) at \(address)"
      } else {
        "ledger \(origin.ledgerPath ?? "?")"
      }
    let ranges = pool.map {
      $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
    }
    var lines = [
      "source  \(place)",
      "pool    \(ranges.joined(separator: ","))",
      "ports   \(portCount): \(leasedCount) leased, "
        + (claimedCount == 0 ? "" : "\(claimedCount) named, ")
        + "\(freeCount) free, \(inUseCount) in use by others",
    ].map { $0.cut(to: terminal?.columns) }
    var table = Table("PORT", "PID", "USER", "AGE", "COMMAND", numbers: [1, 3])
    for lease in leases {
      table.add(
        "\(lease.port)", "\(lease.pid)", name(of: lease.user),
        ageText(lease.age), lease.command ?? "?")
    }
    let isPlain =
      terminal?.canMoveCursor != true
      || environmentVariable("NO_COLOR") != nil
    for table in [table, NamedPort.table(claims)] where !table.isEmpty {
      lines.append("")
      lines += table.lines(
        width: terminal?.columns,
        emphasis: isPlain ? ("", "") : ("\u{1B}[1m", "\u{1B}[0m"))
    }
    guard let terminal, !withAll else { return lines }
    // The cursor takes a line.
    let room = max(terminal.rows - 1, 1)
    if lines.count <= room { return lines }
    let hidden = lines.count - room + 1
    return lines.prefix(room - 1)
      + ["… and \(hidden) more".cut(to: terminal.columns)]
  }

  fileprivate func json(_ claims: [NamedPort]) -> JSON {
    let source: [(String, JSON)] =
      if let (address, version) = origin.server {
        [
          ("kind", .string("server")), ("address", .string(address)),
          ("version", .string(version)),
        ]
      } else {
        [
          ("kind", .string("ledger")),
          ("path", .string(origin.ledgerPath ?? "?")),
        ]
      }
    return .object([
      ("source", .object(source)),
      (
        "pool",
        .array(
          pool.map { .array([.int($0.lowerBound), .int($0.upperBound)]) })
      ),
      ("ports", .int(portCount)), ("leased", .int(leasedCount)),
      ("named", .int(claimedCount)), ("free", .int(freeCount)),
      ("inUse", .int(inUseCount)),
      ("leases", .array(leases.map(\.json))),
      ("names", .array(claims.map(\.json))),
      (
        "statistics",
        .object(statistics.sorted { $0.key < $1.key }.map { ($0, .int($1)) })
      ),
    ])
  }
}

extension PortLease {
  var json: JSON {
    .object([
      ("port", .int(port)), ("pid", .int(Int(pid))), ("uid", .int(Int(user))),
      ("user", JSON(userName(of: user))),
      ("age", .tenths(Int(age / .milliseconds(100)))),
      ("command", JSON(command)),
    ])
  }
}

/// The name of a user, or the uid if it has none.
func name(of user: UInt32) -> String {
  userName(of: user) ?? "\(user)"
}

/// An age in its two largest units, such as `3m05s`.
func ageText(_ age: Duration) -> String {
  let seconds = Int(age.components.seconds)
  func text(_ large: Int, _ unit: String, _ small: Int, _ smaller: String)
    -> String
  {
    "\(large)\(unit)" + (small < 10 ? "0" : "") + "\(small)\(smaller)"
  }
  switch seconds {
  case ..<60: return "\(seconds)s"
  case ..<3600: return text(seconds / 60, "m", seconds % 60, "s")
  case ..<86_400:
    return text(seconds / 3600, "h", seconds / 60 % 60, "m")
  default: return text(seconds / 86_400, "d", seconds / 3600 % 24, "h")
  }
}
