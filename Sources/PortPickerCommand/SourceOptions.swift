import ArgumentParser
import PortPicker

/// Where ports come from, as it is said on the command line.
struct SourceOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The port server: a path, or @NAME. (default: $PORTSERVER_ADDRESS)",
      valueName: "ADDRESS"), completion: .file())
  var server: String?

  @Flag(help: "Fail if no port server answers.")
  var requireServer = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How long to wait for a port server, or for the file. (default: 5)",
      valueName: "SECONDS"),
    transform: ArgumentText.timeout)
  var timeout: Duration?

  /// What is said, with a pool if one is named.
  func pickOptions(_ pool: PoolOption? = nil) -> PickOptions {
    var options = PickOptions()
    if let server { options.source = .server(server) }
    if requireServer { options.requiresServer = true }
    options.pool = pool?.pool
    if let timeout { options.timeout = timeout }
    return options
  }
}

/// The ports to choose from, as they are named on the command line.
struct PoolOption: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      The ports to pick from if no server gives one, such as 8000-8999,9090. \
      (default: 25000-32767, less what the kernel hands out)
      """, valueName: "RANGES"),
    transform: ArgumentText.pool)
  var pool: [ClosedRange<Int>]?
}
