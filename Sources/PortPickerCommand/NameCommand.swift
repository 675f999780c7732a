import ArgumentParser
import PortPicker

/// `portpicker name`: the ports that a place has under names.
struct NameCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "name",
    abstract: "Print the ports of names, and claim those that are new.",
    discussion: """
      A name stands for a port in one directory, usually a git worktree. The first \
      call claims the port; every further call prints the same one, also while a \
      server listens on it, and after a restart of the host. No other directory \
      and no process gets it.

        port=$(portpicker name web)
        portpicker name web db                  # all ports or none
        portpicker name workers --count 10      # ten in a row

      All ports of each name are printed, one a line, in the order of the names. A \
      name begins with a lowercase letter; up to 62 lowercase letters, digits and - \
      follow. The file .ports can list a project's names: see portpicker env --help.

      Exit status: 0 on success; 1 if a port cannot be claimed, and then none is; \
      64 if an argument is invalid.
      """)

  @Argument(help: "The names.", completion: portNames)
  var name: [String]

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Claim this many consecutive ports for the name. (default: 1)",
      valueName: "N"),
    transform: ArgumentText.count)
  var count: Int?

  @OptionGroup var claim: ClaimOptions

  func validate() throws {
    if count != nil, name.count > 1 {
      throw ValidationError("--count requires a single name")
    }
  }

  func run() throws {
    try Self.printPorts(
      of: name, count: count, at: claim.place.directory, claim.options)
  }

  static func printPorts(
    of names: [String], count: Int? = nil, at place: String? = nil,
    _ options: NamedPortOptions = NamedPortOptions()
  ) throws(PortPickerError) {
    let ports =
      if let count {
        try namedPorts(names[0], count: count, at: place, options: options)
      } else {
        try namedPorts(names, at: place, options: options).flatMap(\.ports)
      }
    try print(ports.map { "\($0)" }.joined(separator: "\n"))
  }
}
