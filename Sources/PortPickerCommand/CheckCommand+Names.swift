import ArgumentParser
import HostSystem
import PortPicker

// MARK: - Whose processes listen

extension CheckCommand {
  /// Shows which processes listen on the ports, and requires that they belong to the
  /// place.
  func checkOwners(of ports: [AskedPort]) throws {
    let place = try Place(at: place.directory)
    let owned = zip(
      ports, try PortOwnership.of(ports.map(\.port), in: place)
    ).map { OwnedPort(port: $0, ownership: $1) }
    if json {
      try print(JSON.object([("ports", .array(owned.map(\.json)))]).text)
    } else if !quiet {
      let terminal = Terminal.onStandardOutput()
      try print(
        OwnedPort.table(owned).lines(width: terminal?.columns)
          .joined(separator: "\n"))
    }
    let problems = owned.compactMap { $0.problem(at: place.path) }
    for problem in problems { printError(problem, as: "portpicker") }
    if !problems.isEmpty { throw ExitCode(1) }
  }
}

/// A port, the processes that listen on it, and whose they are.
private struct OwnedPort {
  let port: AskedPort
  let ownership: PortOwnership

  /// Why the port is not the place's; `nil` if it is.
  func problem(at place: String) -> String? {
    switch ownership.verdict {
    case .mine: return nil
    case .none: return "nothing listens on \(port.text)"
    case .other, .unknown: break
    }
    let foreign = ownership.listeners.first { $0.verdict != .mine }
    let listener = foreign?.textWithDirectory ?? "a process"
    let whose =
      switch ownership.verdict {
      case .other(let owner?): "belongs to \(owner)"
      case .other(nil): "does not belong to \(place)"
      default: "may not belong to \(place)"
      }
    return "\(listener) listens on \(port.text) and \(whose)"
  }

  static func table(_ ports: [OwnedPort]) -> Table {
    var table = Table("PORT", "NAME", "PID", "USER", "WHOSE", "COMMAND")
    for owned in ports {
      let start = ["\(owned.port.port)", owned.port.name ?? "-"]
      if owned.ownership.listeners.isEmpty {
        table.add(start + ["-", "-", "-", "-"])
      }
      for listener in owned.ownership.listeners {
        table.add(
          start + [
            listener.pidText, name(of: listener.user), listener.verdict.word,
            listener.command ?? "?",
          ])
      }
    }
    return table
  }

  var json: JSON {
    .object([
      ("port", .int(Int(port.port))), ("name", JSON(port.name)),
      ("mine", .bool(ownership.verdict == .mine)),
      (
        "listeners",
        .array(
          ownership.listeners.map { $0.json(on: port.port, $0.verdict) })
      ),
    ])
  }
}

/// The named ports of all places; a warning says if they cannot be read.
func namedPortsOrWarning() -> [NamedPort] {
  do throws(PortPickerError) {
    return try Picker.shared.claimsReport().claims
  } catch {
    printError("warning: \(error)", as: "portpicker")
    return []
  }
}
