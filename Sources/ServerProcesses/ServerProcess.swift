package import HostSystem
package import SystemPackage

/// A server: a program, and everything that it starts, from the start to the end.
///
/// Its output is read, and its readiness checked, on a thread of its own, so that no
/// other server, and no thread of Swift's tasks, waits for it. When the process that
/// started it ends, the server ends, too; see ``Supervision``.
package final class ServerProcess: @unchecked Sendable {
  /// What is known of a server.
  package struct State: Sendable {
    /// How far it has come.
    package var phase = Phase.starting
    /// How its program ended, if it did.
    package var end: ProcessEnd?
    /// Whether all its processes have ended, and been reaped.
    package var isGone = false
    /// Whether some of its processes cannot be ended, not even by `SIGKILL`.
    package var isStuck = false

    /// Whether nothing more can be done to end it.
    package var isSettled: Bool { isGone || isStuck }

    /// Whether its program is running or, if that has exited with status 0, as
    /// programs do that become daemons, another of its processes.
    package var isRunning: Bool {
      !isGone && (end == nil || end == .exited(0))
    }
  }

  /// How far a server has come.
  package enum Phase: Hashable, Sendable {
    /// It does not listen yet.
    case starting
    /// It has listened on all its ports.
    case ready
    /// It never became ready.
    case failed(ServerFailure)
  }

  /// What the server was to be.
  package let description: ServerDescription
  /// The process from which all its processes descend; see ``Supervision/root``.
  package let root: Int32
  private let onChange: @Sendable () -> Void
  private let onLine: (@Sendable (String) -> Void)?
  private let monitor = Monitor()

  // Guarded by `monitor`.
  private var supervision: Supervision?
  private var currentState = State()
  private var keptOutput = ServerOutput()
  private var waiters: [Waiter] = []
  /// When its processes count as stuck.
  private var endLimit: Deadline?

  private struct Waiter {
    let condition: @Sendable (State) -> Bool
    let continuation: CheckedContinuation<State, Never>
  }

  /// Starts a server.
  ///
  /// - Parameters:
  ///   - description: What it is to be.
  ///   - onLine: Called with each line of its output, on a thread of the server.
  ///   - onChange: Called after each change of ``state``, on any thread.
  /// - Throws: The error of creating processes, a socket, a pipe or a thread.
  package init(
    starting description: ServerDescription,
    onLine: (@Sendable (String) -> Void)? = nil,
    onChange: @escaping @Sendable () -> Void = {}
  ) throws(Errno) {
    self.description = description
    self.onLine = onLine
    self.onChange = onChange
    var program = SupervisedProgram(
      arguments: description.arguments, grace: description.grace)
    program.environment = description.environment
    program.directory = description.directory
    let supervision = try Supervision(starting: program)
    root = supervision.root
    self.supervision = consume supervision
    do throws(Errno) {
      try startDetachedThread { self.attend() }
    } catch {
      send(.kill)
      discard()
      throw error
    }
  }

  /// What is known of it at the moment.
  package var state: State { monitor.withLock { currentState } }

  /// What it has written so far.
  package var output: ServerOutput { monitor.withLock { keptOutput } }

  /// Waits until a condition holds for the state.
  ///
  /// - Returns: The state for which it held.
  package func wait(
    until condition: @escaping @Sendable (State) -> Bool
  ) async -> State {
    await withCheckedContinuation { continuation in
      let state: State? = monitor.withLock {
        if condition(currentState) { return currentState }
        waiters.append(Waiter(condition: condition, continuation: continuation))
        return nil
      }
      if let state { continuation.resume(returning: state) }
    }
  }

  /// Gives up waiting for it to become ready.
  package func cancel() { fail(.cancelled) }

  /// Begins to end it: with `SIGTERM`, and with `SIGKILL` after the time of grace.
  package func beginEnding() {
    fail(.cancelled)
    monitor.withLock {
      endLimit = endLimit ?? Deadline(after: description.grace + .seconds(10))
    }
    send(.end)
  }

  /// Ends it, and waits until all its processes have ended.
  ///
  /// - Returns: The processes that cannot be ended, which is hardly ever the case.
  @discardableResult
  package func end() async -> [Int32] {
    beginEnding()
    let state = await wait { $0.isSettled }
    return state.isGone ? [] : remaining
  }

  /// The processes of the server, without those that watch it.
  package var remaining: [Int32] { Array(descendants(of: root).dropFirst()) }

  /// Tells its supervisor something; without effect if it is gone.
  package func send(_ order: Supervision.Order) {
    monitor.withLock {
      switch supervision {
      case .some(let supervision): supervision.send(order)
      case .none: break
      }
    }
  }
}

// MARK: - The server's thread

extension ServerProcess {
  /// Reads output and notices until all processes have ended.
  private func attend() {
    let (control, output) = monitor.withLock {
      () -> (FileDescriptor?, FileDescriptor?) in
      switch supervision {
      case .some(let supervision): (supervision.control, supervision.output)
      case .none: (nil, nil)
      }
    }
    guard let control, let output else { return }
    let deadline = Deadline(after: description.startLimit)
    var pause = Duration.milliseconds(2)
    var lines = LineSplitter()
    var isOutputOpen = true
    while true {
      let isStarting = state.phase == .starting
      if isStarting { checkReadiness(deadline, output, &lines) }
      let ready = waitUntilReadable(
        [control, isOutputOpen ? output : nil],
        Deadline(
          after: isStarting ? min(pause, deadline.remaining) : .seconds(1)))
      pause = min(pause * 2, .milliseconds(50))
      if ready[1] { isOutputOpen = readOutput(output, &lines) }
      if ready[0], receiveNotices(output, &lines) { break }
      let isLate = monitor.withLock { endLimit?.hasPassed ?? false }
      if isLate, !state.isStuck { change { $0.isStuck = true } }
    }
    if let rest = lines.rest { onLine?(rest) }
    finish()
  }

  /// Reads a part of the output.
  ///
  /// - Returns: Whether there can be more.
  private func readOutput(
    _ output: FileDescriptor, _ lines: inout LineSplitter
  ) -> Bool {
    guard let bytes = readAvailable(output) else { return true }
    keep(bytes, &lines)
    return !bytes.isEmpty
  }

  /// Reads the output that is there, so that a state never precedes it.
  private func readAllOutput(
    _ output: FileDescriptor, _ lines: inout LineSplitter
  ) {
    // A program that writes faster than this reads must not keep it here.
    for _ in 0..<1024 {
      guard let bytes = readAvailable(output), !bytes.isEmpty else { return }
      keep(bytes, &lines)
    }
  }

  private func keep(_ bytes: [UInt8], _ lines: inout LineSplitter) {
    monitor.withLock { keptOutput.append(bytes) }
    if let onLine { for line in lines.add(bytes) { onLine(line) } }
  }

  /// Receives what the supervisor reports.
  ///
  /// - Returns: Whether all processes have ended.
  private func receiveNotices(
    _ output: FileDescriptor, _ lines: inout LineSplitter
  ) -> Bool {
    while let notice = nextNotice() {
      readAllOutput(output, &lines)
      switch notice {
      case .notStarted(let error): fail(.notStarted(error))
      case .ended(let end):
        change { $0.end = $0.end ?? end }
        // A daemon's first process exits with 0 when its last one has been started.
        if end != .exited(0) { fail(.ended(end)) }
      case .gone:
        fail(state.end.map { .ended($0) } ?? .lost)
        return true
      }
    }
    return false
  }

  private func nextNotice() -> Supervision.Notice? {
    monitor.withLock {
      switch supervision {
      case .some(let supervision): supervision.next()
      case .none: nil
      }
    }
  }

  private func checkReadiness(
    _ deadline: Deadline, _ output: FileDescriptor, _ lines: inout LineSplitter
  ) {
    // Before the look: it may become ready in between.
    let isLate = deadline.hasPassed
    do throws(Errno) {
      if try descendants(
        of: root, listenOn: Set(description.ports), description.transport)
      {
        readAllOutput(output, &lines)
        change { if $0.phase == .starting { $0.phase = .ready } }
        return
      }
    } catch {
      fail(.notVisible(error))
    }
    if isLate { fail(.timedOut(description.startLimit)) }
  }

  /// Records that the server did not become ready, unless it did, or failed before.
  private func fail(_ failure: ServerFailure) {
    change { if $0.phase == .starting { $0.phase = .failed(failure) } }
  }

  private func finish() {
    discard()
    change { $0.isGone = true }
  }

  /// Reaps the supervisor's guard and closes all descriptors.
  private func discard() {
    monitor.withLock {
      switch supervision {
      case .some(let supervision): supervision.reap()
      case .none: break
      }
      supervision = nil
    }
  }

  private func change(_ body: (inout State) -> Void) {
    let (satisfied, state) = monitor.withLock { () -> ([Waiter], State) in
      body(&currentState)
      let state = currentState
      let satisfied = waiters.filter { $0.condition(state) }
      waiters.removeAll { $0.condition(state) }
      return (satisfied, state)
    }
    for waiter in satisfied { waiter.continuation.resume(returning: state) }
    onChange()
  }
}
