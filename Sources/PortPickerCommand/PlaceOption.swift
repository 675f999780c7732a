import ArgumentParser
import HostSystem
import PortPicker

/// The option that names the place that ports belong to.
struct PlaceOption: ParsableArguments {
  @Option(
    name: .customLong("at"), parsing: .unconditional,
    help: ArgumentHelp(
      "The directory that the names belong to. (default: the nearest one upwards "
        + "that contains .ports, else .git; else the current directory)",
      valueName: "DIR"),
    completion: .directory)
  var directory: String?
}

/// The options of commands that claim ports.
struct ClaimOptions: ParsableArguments {
  @OptionGroup var place: PlaceOption

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The ports to claim from, such as 8000-8999,9090. (default: 10000-14999, "
        + "except the default ports of well-known services)",
      valueName: "RANGES"),
    transform: ArgumentText.pool)
  var pool: [ClosedRange<Int>]?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many seconds to wait for other processes that claim ports. "
        + "(default: 5)",
      valueName: "SECONDS"),
    transform: ArgumentText.timeout)
  var timeout: Duration?

  var options: NamedPortOptions { NamedPortOptions(pool, timeout) }
}

extension NamedPortOptions {
  init(_ pool: [ClosedRange<Int>]?, _ timeout: Duration?) {
    self.init(pool: pool)
    if let timeout { self.timeout = timeout }
  }
}
