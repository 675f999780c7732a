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
        portpicker check --wait-listening 10 --while $! 8080

      With --while, it stops waiting as soon as that process has ended. With \
      --udp, it waits for UDP sockets that are bound and not connected.

      Exit status: 0 if all ports are free, or, with --wait-listening, if all \
      are listened on; otherwise 1; 64 if an argument makes no sense.
      """)

  @Argument(
    help: "The ports.", completion: leasedPorts,
    transform: ArgumentText.port)
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

  @Option(
    name: .customLong("while"), parsing: .unconditional,
    help: ArgumentHelp(
      "Wait no longer than the process PID lives.", valueName: "PID"),
    transform: ArgumentText.pid)
  var process: Int32?

  @Flag(help: "With --wait-listening, wait for UDP sockets, not for TCP.")
  var udp = false

  @OptionGroup var source: SourceOptions

  func validate() throws {
    if wait != nil, waitListening != nil {
      throw ValidationError("--wait and --wait-listening exclude each other")
    }
    if process != nil, wait == nil, waitListening == nil {
      throw ValidationError("--while needs --wait or --wait-listening")
    }
    if udp, waitListening == nil {
      throw ValidationError("--udp needs --wait-listening")
    }
    if json, quiet {
      throw ValidationError("--json and --quiet exclude each other")
    }
  }

  func run() throws {
    var isWell = true
    if let waitListening {
      let transport: TransportProtocol = udp ? .udp : .tcp
      let (late, end) = try wait(for: waitListening) {
        port throws(PortPickerError) in try PortUse.isIdle(port, transport)
      }
      for port in late {
        complain("nothing listens on port \(port) \(end)", as: "portpicker")
      }
      isWell = late.isEmpty
    } else if let wait {
      let (late, end) = try self.wait(for: wait, PortUse.isTaken)
      for port in late {
        complain("port \(port) is not free \(end)", as: "portpicker")
      }
      isWell = late.isEmpty
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
  /// - Returns: The ports that still are, and what has ended the wait.
  private func wait(
    for duration: Duration, _ isWrong: (UInt16) throws(PortPickerError) -> Bool
  ) throws(PortPickerError) -> (ports: [UInt16], end: String) {
    let deadline = Deadline(after: duration)
    let watch = try ProcessWatch(process)
    var interval = Duration.milliseconds(5)
    while true {
      // Beforehand, lest it ends in between.
      let hasEnded = watch.hasEnded
      var wrong: [UInt16] = []
      for port in port where try isWrong(port) { wrong.append(port) }
      if wrong.isEmpty || hasEnded || deadline.hasPassed {
        let end =
          hasEnded
          ? "and process \(process ?? 0) has ended" : "after \(duration)"
        return (wrong, end)
      }
      watch.pause(for: min(interval, deadline.remaining))
      interval = min(interval * 2, .milliseconds(100))
    }
  }
}

/// A process whose end is waited for beside something else, if there is one.
private struct ProcessWatch: ~Copyable {
  private let descriptor: Descriptor?
  /// Whether it had ended before it could be watched.
  private let isGone: Bool

  init(_ pid: Int32?) throws(PortPickerError) {
    guard let pid else {
      descriptor = nil
      isGone = false
      return
    }
    do throws(Errno) {
      descriptor = try Descriptor(ofProcess: pid)
      isGone = false
    } catch {
      switch error {
      case .noSuchProcess, .invalidArgument, .noSuchFileOrDirectory:
        descriptor = nil
        isGone = true
      default:
        throw PortPickerError(
          .systemFailure,
          "the end of process \(pid) cannot be waited for: \(error)", error)
      }
    }
  }

  var hasEnded: Bool { isGone || waits(for: .zero) }

  /// Waits for a time, or until the process has ended.
  func pause(for duration: Duration) {
    switch descriptor {
    case .some: _ = waits(for: duration)
    case .none: HostSystem.pause(for: duration)
    }
  }

  private func waits(for duration: Duration) -> Bool {
    switch descriptor {
    case .some(let descriptor):
      waitUntilReadable(descriptor.raw, Deadline(after: duration))
    case .none: false
    }
  }
}
