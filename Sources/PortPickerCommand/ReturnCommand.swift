import ArgumentParser
import HostSystem
import PortPicker

/// `portpicker return`: returns ports before their process ends.
struct ReturnCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "return",
    abstract: "Return ports before their process ends.",
    discussion: """
      Before you return ports, stop the programs that use them: another process \
      may be given the ports immediately.

      The ports must belong to the parent of this command, to any further \
      ancestor, or to a process of the same session. If one of them \
      belongs to another process, none are returned, unless --for or --force is \
      given. A port server accepts only ports that you leased or that your own \
      processes hold; if it refuses one of them, the others are still returned.

        portpicker return $port
        portpicker return --for 4242 8080

      Exit status: 0 if all ports were returned; 1 if one of them is not leased, \
      belongs to another process, or could not be returned; 64 if an argument is \
      invalid.
      """)

  @Argument(
    help: "The ports.", completion: leasedPorts,
    transform: ArgumentText.port)
  var port: [UInt16]

  @Option(
    name: .customLong("for"), parsing: .unconditional,
    help: ArgumentHelp(
      "Return the ports if the process PID holds them.", valueName: "PID"),
    transform: ArgumentText.pid)
  var holder: Int32?

  @Flag(help: "Return the ports whichever process holds them.")
  var force = false

  @OptionGroup var source: SourceOptions

  func validate() throws {
    if holder != nil, force {
      throw ValidationError("--for and --force cannot be combined")
    }
  }

  func run() throws {
    let scope: ReturnScope =
      if force { .anybody } else { holder.map { .process($0) } ?? .kin }
    let result = try Picker.shared.returnLeases(
      of: port, scope, source.pickOptions())
    for (port, pid, name) in result.foreign {
      printError(
        "port \(port) belongs to process \(pid) (\(name)); use --for \(pid), "
          + "or --force",
        as: "portpicker")
    }
    if !result.unknown.isEmpty, result.foreign.isEmpty {
      let isOne = result.unknown.count == 1
      let ports =
        (isOne ? "port " : "ports ")
        + result.unknown.map { "\($0)" }.joined(separator: ", ")
        + (isOne ? " is" : " are")
      printError(
        result.unanswered.map {
          "\($0). The \(ports) not in this user's own ledger, and "
            + (isOne ? "was" : "were") + " not returned"
        } ?? "\(ports) not leased; see portpicker status",
        as: "portpicker")
    }
    if !result.unknown.isEmpty || !result.foreign.isEmpty { throw ExitCode(1) }
  }
}
