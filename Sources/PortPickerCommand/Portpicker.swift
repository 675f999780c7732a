import ArgumentParser
import HostSystem
import PortPicker
import PortProtocol

/// The command `portpicker`.
@main
struct Portpicker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "portpicker",
    abstract: "Print a port that nobody else has.",
    discussion: """
      The port is unused on TCP and UDP and belongs to the process PID: \
      nobody else is given it until that process has ended. Then it comes \
      back by itself.

        port=$(portpicker $$)        # in a script: for as long as it runs
        port=$(portpicker $$ 2.5)    # and keep others off it for 2.5 seconds

      Ports come from the port server that PORTSERVER_ADDRESS names. If there \
      is none, they come from a file that your processes share: \
      PORTPICKER_LEDGER, or one in /dev/shm.

        portpicker run -- my-server --port {port}   # pick one and run a program
        portpicker check 8080                       # is it free, and who has it

      Exit status: 0, or 1 if no port could be had, or 64 if an argument makes \
      no sense.
      """,
    version: "portpicker \(portPickerVersion)",
    subcommands: [
      RunCommand.self, ReturnCommand.self, StatusCommand.self,
      CheckCommand.self, DoctorCommand.self,
    ])

  @Argument(help: "The process that the port is for. (default: the parent)")
  var pid: String?

  @Argument(
    help: ArgumentHelp(
      "For how many seconds the port is kept bound, if no port server gave it. "
        + "(default: 0)",
      discussion: """
        A process in the background does that, until the time is over or PID \
        has ended. Your server can bind the port meanwhile if it sets \
        SO_REUSEADDR.
        """))
  var bindTimeout: String?

  @OptionGroup var picking: PickingOptions

  func run() throws {
    try PickCommand(
      pid: pid, bindTimeout: bindTimeout, count: picking.count,
      isContiguous: picking.contiguous,
      options: picking.source.pickOptions(picking.pool)
    ).run()
  }
}

/// The options of a pick.
struct PickingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Pick N ports, one a line. (default: 1)", valueName: "N"),
    transform: ArgumentText.count)
  var count = 1

  @Flag(help: "Pick ports in a row.")
  var contiguous = false

  @OptionGroup var source: SourceOptions

  @OptionGroup var pool: PoolOption
}

/// The commands behind a word: a command of ArgumentParser has either arguments
/// of its own or commands behind it.
private struct PortpickerCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "portpicker", version: Portpicker.configuration.version,
    subcommands: Portpicker.configuration.subcommands)
}

/// What a shell completes: a word in the first place is a command, not a pid.
private struct PortpickerCompletions: ParsableCommand {
  static let configuration = PortpickerCommands.configuration

  @OptionGroup var picking: PickingOptions
}

extension Portpicker {
  static func main() {
    reportFileSizeLimit()
    var arguments = CommandLine.arguments.dropFirst()
    if arguments == ["help"] { arguments = ["--help"] }
    let hasCommand = arguments.first.map(isCommandName) ?? false
    let root: any ParsableCommand.Type =
      if hasCommand {
        PortpickerCommands.self
      } else if arguments.first == "--generate-completion-script" {
        PortpickerCompletions.self
      } else {
        Portpicker.self
      }
    do {
      // Those of the program behind it may be anything.
      if arguments.first != "run" {
        try requireTextArguments(CommandLine.arguments.count)
      }
      // The original's form, which scripts start by the thousand, goes around
      // the parser: that takes longer than all the rest (docs/design.md).
      if !hasCommand, arguments.count <= 2,
        !arguments.contains(where: \.isOption)
      {
        try PickCommand(
          pid: arguments.first, bindTimeout: arguments.dropFirst().first
        ).run()
        return
      }
      var command = try root.parseAsRoot(Array(arguments))
      try command.run()
    } catch let error as PortPickerError {
      complain("\(error)", as: "portpicker")
      exitProcess(with: error.exitCode)
    } catch {
      let code = root.exitCode(for: error)
      // That is how --help and --version end.
      if code == .success {
        let text = root.fullMessage(for: error)
        exit(
          printing: root == PortpickerCompletions.self
            ? completingPrograms(text) : text)
      }
      // What there is to say was said.
      if error is ExitCode { exitProcess(with: code.rawValue) }
      complain(root.message(for: error), as: "portpicker")
      exitProcess(with: code.rawValue)
    }
  }

  /// Prints a help text, or the like, and exits.
  private static func exit(printing text: String) -> Never {
    do throws(PortPickerError) {
      try print(text)
    } catch {
      complain("\(error)", as: "portpicker")
      exitProcess(with: 1)
    }
    exitProcess(with: 0)
  }

  /// Whether an argument is the name of a command.
  private static func isCommandName(_ argument: String) -> Bool {
    switch argument {
    case "run", "return", "status", "check", "doctor", "help": true
    default: false
    }
  }
}

extension String {
  /// Whether an argument is an option, and not a number with a sign.
  fileprivate var isOption: Bool {
    hasPrefix("-") && Double(self) == nil
  }
}

extension PortPickerError {
  /// The exit status that says this to a script: 64 is `EX_USAGE` of
  /// sysexits(3).
  var exitCode: Int32 {
    switch code {
    case .invalidArgument, .invalidServerAddress, .noSuchProcess,
      .processNotAllowed:
      64
    default: 1
    }
  }
}
