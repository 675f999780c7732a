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

      Exit status: 0, or 1 if no port could be had, or 64 if an argument makes \
      no sense.
      """,
    version: "portpicker \(portPickerVersion)")

  @Argument(help: "The process that the port is for. (default: the parent)")
  var pid: String?

  @Argument(
    help: ArgumentHelp(
      "For how many seconds the port is kept bound, if no port server gave it.",
      discussion: """
        A process in the background does that, until the time is over or PID \
        has ended. Your server can bind the port meanwhile if it sets \
        SO_REUSEADDR.
        """))
  var bindTimeout: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Pick N ports, one a line.", valueName: "N"),
    transform: ArgumentText.count)
  var count = 1

  @Flag(help: "Pick ports in a row.")
  var contiguous = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The port server: a path, or @NAME. (default: $PORTSERVER_ADDRESS)",
      valueName: "ADDRESS"))
  var server: String?

  @Flag(help: "Fail if no port server gives a port.")
  var requireServer = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Pick from these ports if no server gives one, such as 8000-8999,9090. \
      (default: 25000-32767, less what the kernel hands out)
      """, valueName: "RANGES"),
    transform: ArgumentText.pool)
  var pool: [ClosedRange<Int>]?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How long to wait for a port server, or for the file. (default: 5)",
      valueName: "SECONDS"),
    transform: ArgumentText.timeout)
  var timeout: Duration?

  func run() throws {
    var options = PickOptions()
    if let server { options.source = .server(server) }
    if requireServer { options.requiresServer = true }
    options.pool = pool
    if let timeout { options.timeout = timeout }
    try PickCommand(
      pid: pid, bindTimeout: bindTimeout, count: count,
      isContiguous: contiguous, options: options
    ).run()
  }
}

extension Portpicker {
  static func main() {
    reportFileSizeLimit()
    let arguments = CommandLine.arguments.dropFirst()
    do {
      // The original's form, which scripts start by the thousand, goes around
      // the parser: that takes longer than all the rest (docs/design.md).
      if arguments.count <= 2, !arguments.contains(where: \.isOption) {
        try PickCommand(
          pid: arguments.first, bindTimeout: arguments.dropFirst().first
        ).run()
        return
      }
      var command = try parseAsRoot(Array(arguments))
      try command.run()
    } catch let error as PortPickerError {
      complain("\(error)", as: "portpicker")
      exitProcess(with: error.exitCode)
    } catch {
      let code = exitCode(for: error)
      // That is how --help and --version end.
      if code == .success { exit(withError: error) }
      complain(message(for: error), as: "portpicker")
      exitProcess(with: code.rawValue)
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
