import ArgumentParser
import HostSystem
import PortPicker
import SystemPackage

/// `portpicker run`: picks ports and becomes a program.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Pick ports and run a program with them.",
    usage: "portpicker run [OPTION]... -- COMMAND [ARGUMENT]...",
    discussion: """
      {port} in the program's arguments is replaced by the port, and PORT in \
      its environment is set to it. If there are several ports, use {port1}, \
      {port2} and so on, and PORT1, PORT2 and so on. The ports belong to the \
      program until it ends. Text in ${ } is left alone, and {{port}} becomes {port}.

        portpicker run -- python3 -m http.server {port}
        portpicker run --count 2 -- my-server --http {port1} --admin {port2}
        portpicker run --listen -- my-server
        portpicker run --name web -- npm run dev -- --port {web}

      With --name, the program gets the ports of names, which stay the same: see \
      portpicker name --help. {web} is replaced by the port of the name web, and the \
      variables of portpicker env are set too. If a process listens on one of the \
      ports already, the program is not run. New names are claimed from --pool.

      With --listen, the program inherits TCP sockets that are already \
      listening, starting at descriptor 3, as with systemd socket activation: \
      LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES (port1, port2 and so on, or the \
      names) are set. \
      The sockets are bound to every address, or with --host only to the given \
      address; in both cases, a picked port was unused on every address when it \
      was picked.

      Exit status: that of the program; 127 if there is no such program; 126 if \
      it cannot be run; 1 if no port is available; 64 if an argument is invalid.
      """)

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Use the ports of this name instead of picking any; can be repeated.",
      valueName: "NAME"),
    completion: portNames)
  var name: [String] = []

  @OptionGroup var place: PlaceOption

  @OptionGroup var picking: PickingOptions

  @Flag(help: "Pass listening sockets to the program.")
  var listen = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "With --listen, bind the sockets only to this address, such as 127.0.0.1 "
        + "or ::1. (default: every address)",
      valueName: "ADDRESS"),
    transform: Self.hostAddress)
  var host: HostAddress?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Set the variables NAME, NAME1 and so on; can be repeated. (default: PORT)",
      valueName: "NAME"),
    transform: Self.variableName)
  var env: [String] = []

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp(
      "The program and its arguments.", valueName: "command"))
  var command: [String] = []

  func validate() throws {
    if host != nil, !listen {
      throw ValidationError("--host requires --listen")
    }
    try validateNames()
  }

  func run() throws {
    let arguments = try programArguments(
      of: self, command, usage: "portpicker run [OPTION]... -- COMMAND")
    let program =
      name.isEmpty
      ? try programWithPicks(arguments) : try programWithNames(arguments)
    failToRun(arguments[0], program.run())
  }

  /// Picks ports and prepares the program.
  private func programWithPicks(
    _ arguments: [[UInt8]]
  ) throws(PortPickerError) -> ProgramExecution {
    // A wrong placeholder is an error before any port is picked.
    _ = try Placeholders(ports: Array(repeating: 0, count: picking.count))
      .fill(arguments)
    var request = picking.request()
    // For one address, a socket on every address keeps the port until that is
    // bound.
    request.use = listen ? (host == nil ? .bound : .held) : .none
    let pick = try Picker.shared.pick(request)
    pick.warnOfUnusedPool(request.options)
    var program = ProgramExecution(
      arguments: try Placeholders(ports: pick.ports).fill(arguments))
    program.environment = environment(of: pick.ports)
    for (index, sockets) in pick.sockets.enumerated() {
      let socket = try Self.listeningSocket(
        sockets, on: pick.ports[index], at: host)
      if let socket { program.sockets.append((socket, "port\(index + 1)")) }
    }
    return program
  }

  /// The variables of `--env` for ports.
  func environment(of ports: [UInt16]) -> [(name: String, value: String?)] {
    (env.isEmpty ? ["PORT"] : env).flatMap { Self.variables($0, ports) }
  }

  /// The environment variables for a name.
  ///
  /// A `nil` value unsets a variable of a `portpicker run` around this one that had
  /// more ports.
  private static func variables(
    _ name: String, _ ports: [UInt16]
  ) -> [(name: String, value: String?)] {
    var variables: [(name: String, value: String?)] = [(name, "\(ports[0])")]
    for (index, port) in ports.enumerated() {
      variables.append(("\(name)\(index + 1)", "\(port)"))
    }
    var number = ports.count + 1
    while environmentVariable("\(name)\(number)") != nil {
      variables.append(("\(name)\(number)", nil))
      number += 1
    }
    return variables
  }

  /// The socket to pass to the program.
  private static func listeningSocket(
    _ sockets: KeptSockets, on port: UInt16, at host: HostAddress?
  ) throws(PortPickerError) -> FileDescriptor? {
    guard let (tcp, udp) = sockets.release() else { return nil }
    if let udp { Descriptor(owning: udp).close() }
    guard let host else { return tcp }
    let keeper = Descriptor(owning: tcp)
    let socket: FileDescriptor
    do {
      socket = try host.listen(onPort: port)
    } catch {
      throw PortPickerError(
        .systemFailure,
        "cannot bind port \(port) to \(host.text): \(error); name an address "
          + "of this host", error)
    }
    keeper.close()
    return socket
  }

  private static func hostAddress(_ text: String) throws -> HostAddress {
    guard let address = HostAddress(text) else {
      throw ValidationError(
        "expected a numeric IPv4 or IPv6 address, such as 127.0.0.1")
    }
    return address
  }

  private static func variableName(_ text: String) throws -> String {
    guard
      text.utf8.allSatisfy({
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
          true
        default: false
        }
      }), let first = text.first, !first.isNumber
    else {
      throw ValidationError(
        "expected the name of a variable: letters, digits and _, no digit first"
      )
    }
    return text
  }
}
