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
      {port} in the program's arguments, and PORT in its environment, is the \
      port; of several, {port1}, {port2} and so on, and PORT1, PORT2. The ports \
      are the program's until it ends, however it ends.

        portpicker run -- python3 -m http.server {port}
        portpicker run --count 2 -- my-server --http {port1} --admin {port2}
        portpicker run --listen -- my-server

      With --listen, the program gets TCP sockets that listen already, from \
      descriptor 3 on, as systemd hands them over: LISTEN_FDS, LISTEN_PID and \
      LISTEN_FDNAMES (port1, port2 and so on).

      Exit status: that of the program; 127 if there is no such program, 126 if \
      it cannot be run, 1 if no port could be had, 64 if an argument makes no \
      sense.
      """)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Pick N ports.", valueName: "N"),
    transform: ArgumentText.count)
  var count = 1

  @Flag(help: "Pick ports in a row.")
  var contiguous = false

  @Flag(help: "Hand over listening sockets, too.")
  var listen = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Name the variables NAME, NAME1 and so on. (default: PORT)",
      valueName: "NAME"),
    transform: Self.variableName)
  var env = "PORT"

  @OptionGroup var source: SourceOptions

  @OptionGroup var pool: PoolOption

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp(
      "The program and its arguments.", valueName: "command"))
  var command: [String] = []

  func run() throws {
    // What stands in front of the program's name and is no option of ours is
    // taken for the program.
    if let word = command.first, word.hasPrefix("-"), word != "--" {
      if word == "--help" || word == "-h" { throw CleanExit.helpRequest(self) }
      if word == "--version" {
        throw CleanExit.message(Portpicker.configuration.version)
      }
      throw PortPickerError(
        .invalidArgument,
        "unknown option '\(word)'; portpicker run --help lists them, and -- "
          + "goes in front of a program of that name")
    }
    let words = command.first == "--" ? command.count - 1 : command.count
    guard words > 0 else {
      throw PortPickerError(
        .invalidArgument,
        "no program is named; portpicker run [OPTIONS] -- COMMAND is expected")
    }
    let arguments = lastArguments(words)
    // Before anything is picked.
    _ = try Self.fill(arguments, with: Array(repeating: 0, count: count))
    let pick = try Picker.shared.pick(
      PickRequest(
        count: count, isContiguous: contiguous,
        options: source.pickOptions(pool),
        use: listen ? .bound : .none))
    var program = ProgramExecution(
      arguments: try Self.fill(arguments, with: pick.ports))
    program.environment =
      [(env, "\(pick.ports[0])")]
      + pick.ports.enumerated().map { ("\(env)\($0 + 1)", "\($1)") }
    // Those that a run around this one has set are not this one's.
    var number = count + 1
    while environmentVariable("\(env)\(number)") != nil {
      program.environment.append(("\(env)\(number)", nil))
      number += 1
    }
    for (index, sockets) in pick.sockets.enumerated() {
      guard let (tcp, udp) = sockets.release() else { continue }
      program.sockets.append((tcp, "port\(index + 1)"))
      if let udp { Descriptor(owning: udp).close() }
    }
    fail(with: program.run(), arguments[0])
  }

  private func fail(with error: Errno, _ name: [UInt8]) -> Never {
    let text = String(decoding: name, as: UTF8.self)
    if error == .noSuchFileOrDirectory {
      complain(
        "'\(text)': no such program, or none that its first line names",
        as: "portpicker")
      exitProcess(with: 127)
    }
    complain("'\(text)' cannot be run: \(error)", as: "portpicker")
    exitProcess(with: 126)
  }

  /// Puts ports in the place of `{port}`, `{port1}` and so on.
  private static func fill(
    _ arguments: [[UInt8]], with ports: [UInt16]
  ) throws(PortPickerError) -> [[UInt8]] {
    try arguments.map { argument throws(PortPickerError) in
      var filled: [UInt8] = []
      var rest = argument[...]
      while let byte = rest.first {
        if let (number, length) = placeholder(rest) {
          guard (1...ports.count).contains(number) else {
            throw PortPickerError(
              .invalidArgument,
              "there is no {port\(number)}: the ports are {port1} to "
                + "{port\(ports.count)}; name how many with --count")
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

  /// The number of the port that stands at the beginning of a text, and how many
  /// bytes that takes.
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
        "the name of a variable is expected: letters, digits and _")
    }
    return text
  }
}
