import ArgumentParser
import HostSystem
import PortPicker

/// `portpicker forget`: gives up named ports.
struct ForgetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget",
    abstract: "Give up named ports.",
    discussion: """
      The ports are available to everybody at once, so stop the servers that use \
      them first. Without a name, all names of the directory are given up. Each of \
      them is printed, with its ports.

        portpicker forget web
        portpicker forget --at ../removed-worktree

      You need not do this before you remove a directory: when ports run short, \
      those of directories that are gone are used again.

      Exit status: 0 on success; 1 if a name has no port, or the claims cannot be \
      changed; 64 if an argument is invalid.
      """)

  @Argument(help: "The names. (default: all)", completion: claimedNames)
  var name: [String] = []

  @OptionGroup var place: PlaceOption

  func run() throws {
    guard !name.isEmpty else {
      try Self.report(try forgetNamedPorts(at: place.directory))
      return
    }
    // Only to say which ports they were.
    let known = (try? namedPorts(at: place.directory)) ?? []
    var forgotten: [NamedPort] = []
    var unknown: [String] = []
    for name in Set(name).sorted() {
      if try forgetNamedPort(name, at: place.directory) {
        forgotten += known.filter { $0.name == name }
      } else {
        unknown.append(name)
      }
    }
    try Self.report(forgotten)
    if unknown.isEmpty { return }
    printError(
      unknown.joined(separator: ", ")
        + (unknown.count == 1 ? " has no port" : " have no ports")
        + " here; see portpicker names --all", as: "portpicker")
    throw ExitCode(1)
  }

  private static func report(_ ports: [NamedPort]) throws(PortPickerError) {
    if ports.isEmpty { return }
    try print(
      ports.map { "\($0.name) \($0.portsText)" }.joined(separator: "\n"))
  }
}
