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

      With --listen, the program inherits TCP sockets that are already \
      listening, starting at descriptor 3, as with systemd socket activation: \
      LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES (port1, port2 and so on) are set. \
      The sockets are bound to every address, or with --host only to the given \
      address; in both cases, the port was unused on every address when it was \
      picked.

      Exit status: that of the program; 127 if there is no such program; 126 if \
      it cannot be run; 1 if no port is available; 64 if an argument is invalid.
      """)

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
  }

  func run() throws {
    // The parser takes an unknown option in front of the program for the program.
    if let word = command.first, word.hasPrefix("-"), word != "--" {
      if word == "--help" || word == "-h" { throw CleanExit.helpRequest(self) }
      if word == "--version" {
        throw CleanExit.message(Portpicker.configuration.version)
      }
      throw PortPickerError(
        .invalidArgument,
        "unknown option '\(word)'; see portpicker run --help, or put -- in "
          + "front of a program with that name")
    }
    let words = command.first == "--" ? command.count - 1 : command.count
    guard words > 0 else {
      throw PortPickerError(
        .invalidArgument,
        "no program is named; expected portpicker run [OPTION]... -- COMMAND")
    }
    try requireTextArguments(CommandLine.arguments.count - words)
    let arguments = lastArguments(words)
    // A wrong placeholder is an error before any port is picked.
    _ = try Self.fill(
      arguments, with: Array(repeating: 0, count: picking.count))
    var request = picking.request()
    // For one address, a socket on every address keeps the port until that is
    // bound.
    request.use = listen ? (host == nil ? .bound : .held) : .none
    let pick = try Picker.shared.pick(request)
    pick.warnOfUnusedPool(request.options)
    var program = ProgramExecution(
      arguments: try Self.fill(arguments, with: pick.ports))
    for name in env.isEmpty ? ["PORT"] : env {
      program.environment += Self.variables(name, pick.ports)
    }
    for (index, sockets) in pick.sockets.enumerated() {
      let socket = try Self.listeningSocket(
        sockets, on: pick.ports[index], at: host)
      if let socket { program.sockets.append((socket, "port\(index + 1)")) }
    }
    fail(with: program.run(), arguments[0])
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

  private func fail(with error: Errno, _ name: [UInt8]) -> Never {
    let text = String(decoding: name, as: UTF8.self)
    if error == .noSuchFileOrDirectory {
      printError(
        "'\(text)': the program, or the interpreter that it names, does not exist",
        as: "portpicker")
      exitProcess(with: 127)
    }
    printError("cannot run '\(text)': \(error)", as: "portpicker")
    exitProcess(with: 126)
  }

  /// Replaces `{port}`, `{port1}` and so on by ports.
  private static func fill(
    _ arguments: [[UInt8]], with ports: [UInt16]
  ) throws(PortPickerError) -> [[UInt8]] {
    try arguments.map { argument throws(PortPickerError) in
      var filled: [UInt8] = []
      var rest = argument[...]
      while let byte = rest.first {
        if let (text, length) = verbatim(rest) {
          filled += text
          rest = rest.dropFirst(length)
        } else if let (number, length) = placeholder(rest) {
          guard (1...ports.count).contains(number) else {
            throw PortPickerError(
              .invalidArgument,
              "{port\(number)} is out of range: the ports are {port1} to "
                + "{port\(ports.count)}; ask for more with --count")
          }
          filled += Array("\(ports[number - 1])".utf8)
          rest = rest.dropFirst(length)
        } else {
          filled.append(byte)
          rest = rest.dropFirst()
        }
      }
      return filled
    }
  }

  /// Text that is left alone at the beginning of `text`, and how many bytes it
  /// stands for: a shell's `${…}`, and `{{port}}`, which stands for `{port}`.
  private static func verbatim(
    _ text: ArraySlice<UInt8>
  ) -> (text: ArraySlice<UInt8>, length: Int)? {
    if text.starts(with: "${".utf8) {
      let end = text.firstIndex(of: UInt8(ascii: "}")) ?? text.endIndex - 1
      let whole = text[...end]
      return (whole, whole.count)
    }
    guard text.starts(with: "{{".utf8),
      let (_, length) = placeholder(text.dropFirst()),
      text.dropFirst(1 + length).first == UInt8(ascii: "}")
    else { return nil }
    return (text.dropFirst().prefix(length), length + 2)
  }

  /// The number of the placeholder at the beginning of `text`, and its length in
  /// bytes.
  private static func placeholder(
    _ text: ArraySlice<UInt8>
  ) -> (number: Int, length: Int)? {
    let start = Array("{port".utf8)
    guard text.starts(with: start) else { return nil }
    let digits = text.dropFirst(start.count).prefix {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
    }
    let length = start.count + digits.count + 1
    guard text.dropFirst(length - 1).first == UInt8(ascii: "}") else {
      return nil
    }
    if digits.isEmpty { return (1, length) }
    return (Int(String(decoding: digits, as: UTF8.self)) ?? .max, length)
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
