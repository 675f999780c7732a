import ArgumentParser
import HostSystem
import PortPicker
import PortProtocol

/// The command `portpicker`.
@main
struct Portpicker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "portpicker",
    abstract: "Pick an unused port, lease it to a process, and print it.",
    discussion: """
      The port is unused on TCP and UDP and belongs to the process PID: it is \
      not handed out to any other process until PID ends, and then becomes \
      available again.

        port=$(portpicker $$)        # for as long as this script runs
        port=$(portpicker $$ 2.5)    # and keep it bound for 2.5 seconds

      Ports come from the port server that PORTSERVER_ADDRESS names. If that is \
      unset, or the server provides no port, they come from the ledger, a file \
      that your processes share: the one that PORTPICKER_LEDGER names, or one in \
      /dev/shm.

        portpicker run -- my-server --port {port}   # pick one, run a program
        portpicker check 8080                       # is it free, who uses it

      Servers run for as long as a command does, each on ports of its own.

        portpicker with --server './api --port {api}' -- npm test

      A name stands for a port that stays the same in one directory, such as a git \
      worktree, and belongs to that directory, not to a process.

        portpicker name web                         # claim it, or print it again
        portpicker run --name web -- my-server --port {web}

      Exit status: 0 on success; 1 if no port is available; 64 if an argument is \
      invalid.
      """,
    version: "portpicker \(portPickerVersion)", subcommands: subcommands)

  static let subcommands: [any ParsableCommand.Type] = [
    RunCommand.self, WithCommand.self, ReturnCommand.self, NameCommand.self,
    EnvCommand.self,
    NamesCommand.self, ForgetCommand.self, StatusCommand.self,
    CheckCommand.self, DoctorCommand.self,
  ]

  static var subcommandNames: [String] { subcommands.map { $0._commandName } }

  @Argument(help: "The process that the port is for. (default: the parent)")
  var pid: String?

  @Argument(
    help: ArgumentHelp(
      "Keep the port bound on TCP for this many seconds, unless a port server "
        + "leased it. (default: 0)",
      discussion: """
        A background process keeps it bound until the time has elapsed or PID \
        ends. Meanwhile, your server can bind the port if it sets SO_REUSEADDR.
        """))
  var bindTimeout: String?

  @OptionGroup var picking: PickingOptions

  func run() throws {
    try PickCommand(
      pid: pid, bindTimeout: bindTimeout, request: picking.request()
    ).run()
  }
}

/// The options of a pick.
struct PickingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The number of ports. (default: 1)", valueName: "N"),
    transform: ArgumentText.count)
  var count = 1

  @Flag(help: "Pick consecutive ports.")
  var contiguous = false

  @OptionGroup var source: SourceOptions

  @OptionGroup var pool: PoolOption

  func request() -> PickRequest {
    PickRequest(
      count: count, isContiguous: contiguous, options: source.pickOptions(pool))
  }
}

/// The root for command lines that begin with a subcommand.
///
/// To ArgumentParser, a command has either arguments or subcommands.
private struct PortpickerCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "portpicker", version: Portpicker.configuration.version,
    subcommands: Portpicker.subcommands)
}

/// The root for completions: shells complete a subcommand first, not a pid.
private struct PortpickerCompletions: ParsableCommand {
  static let configuration = PortpickerCommands.configuration

  @OptionGroup var picking: PickingOptions
}

extension Portpicker {
  static func main() {
    ignoreFileSizeSignal()
    var arguments = CommandLine.arguments.dropFirst()
    if arguments == ["help"] { arguments = ["--help"] }
    let hasCommand = arguments.first.map(isSubcommand) ?? false
    let root: any ParsableCommand.Type =
      if hasCommand {
        PortpickerCommands.self
      } else if arguments.first == "--generate-completion-script" {
        PortpickerCompletions.self
      } else {
        Portpicker.self
      }
    do {
      // The arguments of the program that it runs may be any bytes.
      if arguments.first != "run", arguments.first != "with" {
        try requireTextArguments(CommandLine.arguments.count)
      }
      if try runWithoutParser(arguments, hasCommand: hasCommand) { return }
      var command = try root.parseAsRoot(Array(arguments))
      try command.run()
    } catch let error as PortPickerError {
      printError("\(error)", as: "portpicker")
      exitProcess(with: error.exitCode)
    } catch {
      let code = root.exitCode(for: error)
      // This is how --help and --version end.
      if code == .success {
        let text = root.fullMessage(for: error)
        exit(
          printing: root == PortpickerCompletions.self
            ? completingPrograms(text) : text)
      }
      // The message has been written.
      if error is ExitCode { exitProcess(with: code.rawValue) }
      printError(root.message(for: error), as: "portpicker")
      exitProcess(with: code.rawValue)
    }
  }

  /// Runs the forms that scripts run by the thousand: the original's, and names and
  /// their variables without options.
  ///
  /// The parser takes longer than everything else (docs/design.md).
  ///
  /// - Returns: Whether it is such a form.
  private static func runWithoutParser(
    _ arguments: ArraySlice<String>, hasCommand: Bool
  ) throws(PortPickerError) -> Bool {
    if arguments.contains(where: \.isOption) { return false }
    if hasCommand {
      let names = arguments.dropFirst()
      switch (arguments.first, names.isEmpty) {
      case ("name", false): try NameCommand.printPorts(of: Array(names))
      case ("env", true): try EnvCommand.printVariables()
      default: return false
      }
      return true
    }
    guard arguments.count <= 2 else { return false }
    try PickCommand(
      pid: arguments.first, bindTimeout: arguments.dropFirst().first
    ).run()
    return true
  }

  /// Prints a text and exits.
  private static func exit(printing text: String) -> Never {
    do throws(PortPickerError) {
      try print(text)
    } catch {
      printError("\(error)", as: "portpicker")
      exitProcess(with: 1)
    }
    exitProcess(with: 0)
  }

  private static func isSubcommand(_ argument: String) -> Bool {
    // Usually it is a pid.
    guard argument.first?.isLetter == true else { return false }
    return argument == "help" || subcommandNames.contains(argument)
  }
}

extension String {
  /// Whether an argument is an option and not a negative number.
  fileprivate var isOption: Bool {
    hasPrefix("-") && Double(self) == nil
  }
}

extension PortPickerError {
  /// The exit status: 64 is `EX_USAGE` (sysexits(3)).
  var exitCode: Int32 {
    switch code {
    case .invalidArgument, .invalidServerAddress, .noSuchProcess,
      .processNotAllowed:
      64
    default: 1
    }
  }
}
