import ArgumentParser
import HostSystem
import PortPicker

/// `portpicker return`: gives ports back.
struct ReturnCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "return",
    abstract: "Give ports back before their process has ended.",
    discussion: """
      Whoever uses them should have stopped, for others may get them at once.

      Ports go back that this command's parent has, or one of its parents, or a \
      process of the same session. If somebody else has one, none goes back, \
      unless --for or --force says otherwise. A port server takes back what you \
      leased, or what your own processes have.

        portpicker return $port
        portpicker return --for 4242 8080

      Exit status: 0, or 1 if nobody or somebody else had one of the ports or it \
      could not be given back, or 64 if an argument makes no sense.
      """)

  @Argument(
    help: "The ports.", completion: leasedPorts,
    transform: ArgumentText.port)
  var port: [UInt16]

  @Option(
    name: .customLong("for"), parsing: .unconditional,
    help: ArgumentHelp(
      "Give back what the process PID has.", valueName: "PID"),
    transform: ArgumentText.pid)
  var holder: Int32?

  @Flag(help: "Give back whatever process has them.")
  var force = false

  @OptionGroup var source: SourceOptions

  func validate() throws {
    if holder != nil, force {
      throw ValidationError("--for and --force exclude each other")
    }
  }

  func run() throws {
    let scope: ReturnScope =
      if force { .anybody } else { holder.map { .process($0) } ?? .kin }
    let result = try Picker.shared.returnLeases(
      of: port, scope, source.pickOptions())
    for (port, pid, name) in result.foreign {
      complain(
        "port \(port) belongs to process \(pid) (\(name)); name that with "
          + "--for \(pid), or use --force",
        as: "portpicker")
    }
    if !result.unknown.isEmpty, result.foreign.isEmpty {
      let unknown = result.unknown
      complain(
        (unknown.count == 1 ? "port " : "ports ")
          + unknown.map { "\($0)" }.joined(separator: ", ")
          + (unknown.count == 1 ? " is" : " are")
          + " not leased; portpicker status lists what is",
        as: "portpicker")
    }
    if !result.unknown.isEmpty || !result.foreign.isEmpty { throw ExitCode(1) }
  }
}
