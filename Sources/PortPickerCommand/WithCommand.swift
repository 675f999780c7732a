import ArgumentParser
import HostSystem
import PortLeasing
import PortPicker
import ServerProcesses

/// `portpicker with`: runs servers, and a program while they run.
struct WithCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "with",
    abstract: "Run servers, and a program while they run.",
    usage:
      "portpicker with --server SERVER [OPTION]... -- COMMAND [ARGUMENT]...",
    discussion: """
      Each {name} in a SERVER stands for an unused port, one for each name, and \
      NAME_PORT in the environment of all servers and of COMMAND is set to it. Text in \
      ${ } is left alone, and {{name}} becomes {name}.

        portpicker with --server 'redis-server --port {redis}' -- npm test
        portpicker with --server 'db {db}' --server 'api {api} {db}' -- ./test {api}

      The servers start in their order. A server is ready when one of its own \
      processes listens on each port that its SERVER is the first to name. Then the \
      next one starts, and in the end COMMAND, in the foreground. When COMMAND has \
      ended, the servers are ended in reverse order: with SIGTERM and, after 5 \
      seconds, with SIGKILL, together with all processes that they have started. This \
      also happens if portpicker is interrupted or killed.

      A SERVER is split into words as a shell does it: ' ' and " " keep words \
      together, and \\ makes the next character literal. There are no variables, pipes \
      or redirections; write sh -c '...' for those. Servers read from /dev/null, and \
      have no terminal.

      If a server or COMMAND fails, the last 50 lines of the output of that server, or \
      of all servers, are written to standard error.

      Exit status: that of COMMAND; 128 and the number of the signal that ended it; 127 \
      if there is no such program; 126 if it cannot be run; 1 if a server does not \
      become ready, or no port is available; 64 if an argument is invalid.
      """)

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The program and arguments of a server; can be repeated.",
      valueName: "SERVER"))
  var server: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many seconds each server may take until it listens. (default: 10)",
      valueName: "SECONDS"),
    transform: ArgumentText.timeout)
  var wait: Duration?

  @Flag(
    help: "Show the servers' output as it comes, each line with its server.")
  var verbose = false

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The server of the port NAME listens on UDP, not on TCP; can be repeated.",
      valueName: "NAME"))
  var udp: [String] = []

  @Flag(
    help: ArgumentHelp(
      "Use the directory's named ports for those names that it has.",
      discussion:
        "Those are the names that have been claimed, and those of .ports."))
  var named = false

  @OptionGroup var place: PlaceOption

  @OptionGroup var pool: PoolOption

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp(
      "The program to run with the servers, and its arguments.",
      valueName: "command"))
  var command: [String] = []

  func validate() throws {
    if place.directory != nil, !named {
      throw ValidationError("--at requires --named")
    }
  }

  func run() throws {
    let arguments = try programArguments(
      of: self, command,
      usage: "portpicker with --server SERVER [OPTION]... -- COMMAND")
    let plan = try ServerPlan(servers: server, udp: udp)
    // A wrong placeholder is an error before any port is picked.
    _ = try plan.fill(arguments, with: plan.placeholderPorts)
    // While there is one thread.
    let session = try ServerSession(isVerbose: verbose)
    let ports = try ports(of: plan)
    let status = session.run(
      try plan.descriptions(
        with: ports, startLimit: wait ?? .seconds(10)),
      try plan.fill(arguments, with: ports.byName),
      environment: ports.environment)
    throw ExitCode(status)
  }
}
