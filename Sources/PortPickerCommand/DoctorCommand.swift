import ArgumentParser
import HostSystem
import PortPicker

/// `portpicker doctor`: finds problems on this host.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Find problems with picking ports on this host.",
    discussion: """
      Checks the port servers, the ledger, the pools, the names, and kernel settings. Each line begins with ok, note or problem; a problem says what to \
      do about it.

      Exit status: 0 if no line begins with problem; 1 if one does; 64 if an argument \
      is invalid.
      """)

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var source: SourceOptions

  @OptionGroup var pool: PoolOption

  func run() throws {
    let findings = Diagnosis(source.pickOptions(pool)).findings
    if json {
      try print(
        JSON.object([("findings", .array(findings.map(\.json)))]).text)
    } else {
      var table = Table("", "", "")
      for finding in findings {
        table.add(finding.level.rawValue, finding.topic, finding.text)
      }
      try print(table.lines(width: nil).dropFirst().joined(separator: "\n"))
    }
    if findings.contains(where: { $0.level == .problem }) { throw ExitCode(1) }
  }
}

/// Something that the doctor found.
struct Finding {
  enum Level: String {
    case ok
    /// Not a problem, but good to know.
    case note
    case problem
  }

  let level: Level
  let topic: String
  let text: String

  var json: JSON {
    .object([
      ("level", .string(level.rawValue)), ("topic", .string(topic)),
      ("text", .string(text)),
    ])
  }
}
