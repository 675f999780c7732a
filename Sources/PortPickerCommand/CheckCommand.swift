import ArgumentParser
import HostSystem
import PortPicker
import SystemPackage

/// `portpicker check`: whether ports are free, and who has them.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Show whether ports are free, and who uses them.",
    discussion: """
      free: any program can bind the port. lingering: closed connections are \
      left on it, which a program that sets SO_REUSEADDR can bind over. Of other \
      users' processes, the system may not tell.

        portpicker check 8080
        portpicker check --wait 10 8080                # until it is free
        portpicker check --wait-listening 10 8080      # until a server is there

      Exit status: 0 if all ports are free, or, with --wait-listening, if all \
      are listened on; otherwise 1; 64 if an argument makes no sense.
      """)

  @Argument(help: "The ports.", transform: ArgumentText.port)
  var port: [UInt16]

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(help: "Print nothing on standard output.")
  var quiet = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Wait so long, at most, until the ports are free.", valueName: "SECONDS"),
    transform: ArgumentText.timeout)
  var wait: Duration?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Wait so long, at most, until something accepts connections on them.",
      valueName: "SECONDS"),
    transform: ArgumentText.timeout)
  var waitListening: Duration?

  @OptionGroup var source: SourceOptions

  func validate() throws {
    if wait != nil, waitListening != nil {
      throw ValidationError("--wait and --wait-listening exclude each other")
    }
    if json, quiet {
      throw ValidationError("--json and --quiet exclude each other")
    }
  }

  func run() throws {
    var isWell: Bool
    if let waitListening {
      let late = try Self.wait(for: waitListening, on: port, PortUse.isIdle)
      for port in late {
        complain(
          "nothing listens on port \(port) after \(waitListening)",
          as: "portpicker")
      }
      isWell = late.isEmpty
    } else if let wait {
      let late = try Self.wait(for: wait, on: port, PortUse.isTaken)
      for port in late {
        complain("port \(port) is not free after \(wait)", as: "portpicker")
      }
      isWell = late.isEmpty
    } else {
      isWell = true
    }
    let uses = try PortUse.of(port, leases: quiet ? [] : leases())
    if wait == nil, waitListening == nil { isWell = uses.allSatisfy(\.isFree) }
    if json {
      try print(
        JSON.object([("ports", .array(uses.map(\.json)))]).text)
    } else if !quiet {
      let terminal = Terminal.onStandardOutput()
      try print(
        PortUse.table(uses).lines(width: terminal?.columns)
          .joined(separator: "\n"))
    }
    if !isWell { throw ExitCode(1) }
  }

  /// Whose the ports are; that this cannot be told is no reason not to tell how
  /// they are used.
  private func leases() -> [(lease: PortLease, origin: String)] {
    do throws(PortPickerError) {
      return try Picker.shared.leases(of: port, source.pickOptions())
    } catch {
      complain("warning: \(error)", as: "portpicker")
      return []
    }
  }

  /// Waits until no port is as it should not be.
  ///
  /// The kernel reports no change of a port, so it is looked at again and again.
  ///
  /// - Returns: The ports that still are.
  private static func wait(
    for duration: Duration, on ports: [UInt16],
    _ isWrong: (UInt16) throws(PortPickerError) -> Bool
  ) throws(PortPickerError) -> [UInt16] {
    let deadline = Deadline(after: duration)
    var interval = Duration.milliseconds(5)
    while true {
      var wrong: [UInt16] = []
      for port in ports where try isWrong(port) { wrong.append(port) }
      if wrong.isEmpty || deadline.hasPassed { return wrong }
      pause(for: min(interval, deadline.remaining))
      interval = min(interval * 2, .milliseconds(100))
    }
  }
}
