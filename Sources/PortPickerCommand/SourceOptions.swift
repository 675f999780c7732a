import ArgumentParser
import PortPicker

/// The options that say where ports come from.
struct SourceOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The port server: a path or @NAME. (default: $PORTSERVER_ADDRESS)",
      valueName: "ADDRESS"), completion: .file())
  var server: String?

  @Flag(
    help:
      "Fail if no port server is named, or if the server fails or refuses.")
  var requireServer = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many seconds to wait for a port server, or for the ledger. "
        + "(default: 5)",
      valueName: "SECONDS"),
    transform: ArgumentText.timeout)
  var timeout: Duration?

  func pickOptions(_ pool: PoolOption? = nil) -> PickOptions {
    var options = PickOptions()
    if let server { options.source = .server(server) }
    if requireServer { options.requiresServer = true }
    options.pool = pool?.pool
    if let timeout { options.timeout = timeout }
    return options
  }
}

/// The option that names the ports to choose from.
struct PoolOption: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      The ports to pick from without a port server, such as 8000-8999,9090. \
      (default: 25000-32767, except ephemeral ports)
      """, valueName: "RANGES"),
    transform: ArgumentText.pool)
  var pool: [ClosedRange<Int>]?
}
