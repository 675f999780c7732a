import HostSystem
import PortPicker
import ServerProcesses
import SystemPackage

/// Servers, and a program that runs in the foreground while they do.
final class ServerSession {
  private struct Server {
    let label: String
    let process: ServerProcess
    /// How it ended before it was told to.
    var earlyEnd: ProcessEnd?
  }

  private let signals: ForegroundSignals
  /// Rung when the state of a server changes.
  private let bell: SharedBell
  private let isVerbose: Bool
  private var servers: [Server] = []

  /// Blocks the signals that are to end the session.
  ///
  /// Call this while the process has one thread.
  ///
  /// - Throws: `systemFailure` if there are no descriptors left.
  init(isVerbose: Bool) throws(PortPickerError) {
    self.isVerbose = isVerbose
    do {
      signals = try ForegroundSignals()
      bell = SharedBell(try Bell())
    } catch {
      throw PortPickerError(
        .systemFailure, "cannot wait for signals: \(error)", error)
    }
  }

  /// Starts the servers, runs the program, and ends the servers.
  ///
  /// - Parameters:
  ///   - descriptions: The servers, in the order in which they start.
  ///   - arguments: The program and its arguments.
  ///   - environment: Variables to set for the program.
  /// - Returns: The exit status.
  func run(
    _ descriptions: [(label: String, ServerDescription)],
    _ arguments: [[UInt8]], environment: [(name: String, value: String?)]
  ) -> Int32 {
    for (label, description) in descriptions {
      if let status = start(label, description) {
        endServers()
        return status
      }
    }
    let status = run(arguments, environment)
    noteEarlyEnds()
    endServers()
    for server in servers {
      if let end = server.earlyEnd {
        report(server, "\(end) while the command ran")
      } else if status != 0 {
        report(server, nil)
      }
    }
    return status
  }
}

// MARK: - Servers

extension ServerSession {
  /// Starts a server and waits until it is ready.
  ///
  /// - Returns: The exit status of the command if the server is not ready.
  private func start(
    _ label: String, _ description: ServerDescription
  ) -> Int32? {
    let bell = bell
    let show: @Sendable (String) -> Void = {
      writeToStandardError("\(label) | \($0)")
    }
    let process: ServerProcess
    do throws(Errno) {
      process = try ServerProcess(
        starting: description, onLine: isVerbose ? show : nil,
        onChange: { bell.value.ring() })
    } catch {
      printError(
        "cannot start the server \(label): \(error); end processes, or raise "
          + "the limits (ulimit -u, ulimit -n)", as: "portpicker")
      return 1
    }
    servers.append(Server(label: label, process: process))
    var number: Int32?
    wait(
      until: { process.state.phase != .starting },
      onSignal: { signal in
        number = signal.number
        return true
      })
    if let number { return 128 + number }
    guard case .failed(let failure) = process.state.phase else { return nil }
    // With the rest of its output, which the others write after it.
    process.beginEnding()
    waitForEnd(of: process) { process.send(.kill) }
    var advice = ""
    if case .timedOut = failure { advice = "; allow more time with --wait" }
    report(
      servers[servers.count - 1],
      failure.text(description.ports) + advice,
      withOutput: !failure.isBeforeOutput)
    return 1
  }

  /// Waits until a server has ended, or turns out to be stuck.
  ///
  /// - Parameters:
  ///   - process: The server.
  ///   - onSignal: Called for each signal that arrives.
  private func waitForEnd(
    of process: ServerProcess, onSignal: () -> Void
  ) {
    wait(until: { process.state.isSettled }) { _ in
      onSignal()
      return false
    }
  }

  private func noteEarlyEnds() {
    for index in servers.indices {
      let state = servers[index].process.state
      // A daemon's first process exits with 0, and leaves others behind.
      if let end = state.end, !state.isRunning {
        servers[index].earlyEnd = end
      }
    }
  }

  /// Ends the servers, the last one first, so that none misses one that it uses.
  private func endServers() {
    for server in servers.reversed() {
      let process = server.process
      process.beginEnding()
      // A user who interrupts again does not want to wait.
      waitForEnd(of: process) {
        for server in servers { server.process.send(.kill) }
      }
      if !process.state.isGone {
        printError(
          "processes of the server \(server.label) cannot be ended: "
            + process.remaining.map { "\($0)" }.joined(separator: ", "),
          as: "portpicker")
      }
    }
  }

  /// Says what a server did, and how its output ends unless it has been shown.
  private func report(
    _ server: Server, _ text: String?, withOutput: Bool = true
  ) {
    let lines =
      withOutput && !isVerbose ? server.process.output.lastLines() : []
    let ending = lines.isEmpty ? "" : "its output ends with:"
    if let text {
      let name =
        "the server \(server.label) ("
        + server.process.description.commandLine + ")"
      printError(
        "\(name) \(text)" + (ending.isEmpty ? "" : "; \(ending)"),
        as: "portpicker")
    } else if !lines.isEmpty {
      printError(
        "the output of the server \(server.label) ends with:", as: "portpicker")
    }
    for line in lines { writeToStandardError("\(server.label) | \(line)") }
  }
}

// MARK: - The program

extension ServerSession {
  /// Runs the program in the foreground.
  ///
  /// - Returns: Its exit status.
  private func run(
    _ arguments: [[UInt8]], _ environment: [(name: String, value: String?)]
  ) -> Int32 {
    var program = SupervisedProgram(
      arguments: arguments, grace: .seconds(5),
      place: .foreground(signals.previousMask))
    program.environment = environment
    do throws(Errno) {
      return status(of: try Supervision(starting: program), arguments)
    } catch {
      printError(
        "cannot start a process: \(error); end processes, or raise the limits "
          + "(ulimit -u, ulimit -n)", as: "portpicker")
      return 1
    }
  }

  /// Waits until the program ends.
  private func status(
    of program: consuming Supervision, _ arguments: [[UInt8]]
  ) -> Int32 {
    let program = program
    var status: Int32?
    var isGone = false
    var isEnding = false
    while !isGone {
      _ = waitUntilReadable([signals.raw, program.control], nil)
      while let signal = signals.next() {
        if signal.asksToEnd {
          program.send(isEnding ? .kill : .end)
          isEnding = true
        } else if !signal.isFromTerminal {
          // The terminal sends its signals to the program as well.
          program.send(.signal(signal.number))
        }
      }
      while !isGone, let notice = program.next() {
        switch notice {
        case .notStarted(let error):
          status = status ?? reportThatCannotRun(arguments[0], error)
        case .ended(let end): status = status ?? end.shellStatus
        case .gone: isGone = true
        }
      }
    }
    program.reap()
    if let status { return status }
    printError(
      "the supervisor of the command was killed, and the command with it",
      as: "portpicker")
    return 1
  }

  /// Waits until a condition holds.
  ///
  /// - Parameters:
  ///   - condition: The condition, which depends on the states of servers.
  ///   - onSignal: Called for each signal that arrives; returns whether to stop waiting.
  private func wait(
    until condition: () -> Bool,
    onSignal: (ForegroundSignals.Signal) -> Bool
  ) {
    while true {
      bell.value.clear()
      if condition() { return }
      _ = waitUntilReadable([signals.raw, bell.value.raw], nil)
      while let signal = signals.next() {
        if onSignal(signal) { return }
      }
    }
  }
}

/// A bell that the threads of servers ring.
private final class SharedBell: Sendable {
  let value: Bell

  init(_ value: consuming Bell) {
    self.value = value
  }
}
