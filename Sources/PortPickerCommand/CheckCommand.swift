import ArgumentParser
import HostSystem
import PortPicker
import SystemPackage

/// `portpicker check`: whether ports are free and which processes use them.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Show whether ports are free and which processes use them.",
    discussion: """
      A port is free if every program can bind it, whatever socket options the \
      program sets. It is lingering if only closed connections are left on it, so \
      that a program that sets SO_REUSEADDR can bind it. The system may hide which sockets belong to other users' processes.

        portpicker check 8080
        portpicker check --wait 10 8080                # until it is free
        portpicker check --wait-listening 10 8080      # until a server listens
        portpicker check --wait-listening 10 --while $! 8080
        portpicker check web                           # the port of a name
        portpicker check --mine web                    # is it this project's server

      With --while, the command stops waiting when the given process ends. With \
      --udp, it waits for UDP sockets that are bound and not connected.

      With --mine, it shows which processes listen, and whose they are. A process is \
      mine if its current directory, or that of one of its ancestors below the \
      session's shell, is inside the directory that has the names. If a process \
      cannot be seen, it is unknown, and not mine. This can err: a server that has \
      left the directory, and whose parents have ended, is not mine; whatever was \
      started inside the directory is.

      Exit status: 0 if all ports are free or, with --wait-listening, something \
      listens on all of them or, with --mine, processes of the directory listen on \
      all of them and no others do; 1 otherwise, and if a name has no port; 64 if an \
      argument is invalid.
      """)

  @Argument(
    help: "The ports, or names.", completion: leasedPortsAndNames,
    transform: PortArgument.init(parsing:))
  var port: [PortArgument]

  @Flag(
    help: "Check that processes of the directory listen on the ports.")
  var mine = false

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(help: "Print nothing on standard output, and do not look up leases.")
  var quiet = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Wait at most this long until the ports are free.", valueName: "SECONDS"),
    transform: ArgumentText.timeout)
  var wait: Duration?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Wait at most this long until something listens on the ports.",
      valueName: "SECONDS"),
    transform: ArgumentText.timeout)
  var waitListening: Duration?

  @Option(
    name: .customLong("while"), parsing: .unconditional,
    help: ArgumentHelp(
      "Stop waiting when the process PID ends.", valueName: "PID"),
    transform: ArgumentText.pid)
  var process: Int32?

  @Flag(
    help:
      "With --wait-listening, wait for UDP sockets instead of TCP sockets.")
  var udp = false

  @OptionGroup var place: PlaceOption

  @OptionGroup var source: SourceOptions

  func validate() throws {
    if wait != nil, waitListening != nil {
      throw ValidationError("--wait and --wait-listening cannot be combined")
    }
    if process != nil, wait == nil, waitListening == nil {
      throw ValidationError("--while requires --wait or --wait-listening")
    }
    if udp, waitListening == nil {
      throw ValidationError("--udp requires --wait-listening")
    }
    if json, quiet {
      throw ValidationError("--json and --quiet cannot be combined")
    }
    if mine, wait != nil {
      throw ValidationError(
        "--mine and --wait cannot be combined; use --wait-listening")
    }
    if place.directory != nil, !mine, !port.contains(where: \.isName) {
      throw ValidationError("--at requires a name, or --mine")
    }
  }

  func run() throws {
    let ports = try AskedPort.lookUp(port, at: place.directory)
    let isAsExpected = try waitForPorts(ports)
    if mine {
      guard isAsExpected else { throw ExitCode(1) }
      try checkOwners(of: ports)
      return
    }
    let uses = try PortUse.of(
      ports.map(\.port), leases: quiet ? [] : leases(of: ports),
      claims: quiet ? [] : namedPortsOrWarning())
    if json {
      try print(
        JSON.object([("ports", .array(uses.map(\.json)))]).text)
    } else if !quiet {
      let terminal = Terminal.onStandardOutput()
      try print(
        PortUse.table(uses).lines(width: terminal?.columns)
          .joined(separator: "\n"))
    }
    let isWell =
      wait == nil && waitListening == nil
      ? uses.allSatisfy(\.isFree) : isAsExpected
    if !isWell { throw ExitCode(1) }
  }

  /// Waits as `--wait` or `--wait-listening` say, and reports the ports that are late.
  ///
  /// - Returns: Whether none is.
  private func waitForPorts(
    _ ports: [AskedPort]
  ) throws(PortPickerError) -> Bool {
    if let waitListening {
      let transport: TransportProtocol = udp ? .udp : .tcp
      let (late, end) = try wait(for: waitListening, ports) {
        port throws(PortPickerError) in try PortUse.isIdle(port, transport)
      }
      for port in late {
        printError("nothing listens on \(port.text) \(end)", as: "portpicker")
      }
      return late.isEmpty
    }
    guard let wait else { return true }
    let (late, end) = try self.wait(for: wait, ports, PortUse.isTaken)
    for port in late {
      printError("\(port.text) is not free \(end)", as: "portpicker")
    }
    return late.isEmpty
  }

  /// The leases of the ports; a warning says if they cannot be read.
  private func leases(
    of ports: [AskedPort]
  ) -> [(lease: PortLease, origin: String)] {
    do throws(PortPickerError) {
      return try Picker.shared.leases(
        of: ports.map(\.port), source.pickOptions())
    } catch {
      printError("warning: \(error)", as: "portpicker")
      return []
    }
  }

  /// Waits until no port is wrong.
  ///
  /// The kernel does not report changes of a port, so this polls.
  ///
  /// - Returns: The ports that are still wrong, and why the wait ended.
  private func wait(
    for duration: Duration, _ ports: [AskedPort],
    _ isWrong: (UInt16) throws(PortPickerError) -> Bool
  ) throws(PortPickerError) -> (ports: [AskedPort], end: String) {
    let deadline = Deadline(after: duration)
    let watch = try ProcessWatch(process)
    var interval = Duration.milliseconds(5)
    while true {
      // Before the ports are checked: the process may end in between.
      let hasEnded = watch.hasEnded
      var wrong: [AskedPort] = []
      for port in ports where try isWrong(port.port) { wrong.append(port) }
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

/// Watches whether a process, if there is one, has ended.
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
          "cannot wait for process \(pid) to end: \(error)", error)
      }
    }
  }

  var hasEnded: Bool { isGone || waits(for: .zero) }

  /// Waits for a time, or until the process ends.
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
