import Foundation
import HostSystem
import TestSupport
import Testing

/// `portpicker with`, when it is to end, or is ended, before its command has.
@Suite(.alone) struct WithSignalTests {
  private let fixture: PlaceFixture

  init() throws {
    fixture = try PlaceFixture()
  }

  private func command(
    _ marked: MarkedProcesses, servers: [String], _ command: String...
  ) -> Command {
    let servers = servers.flatMap {
      ["--server", "\(Command.testServerPath) \($0)"]
    }
    return fixture.command.portpicker(
      ["with", "--pool", fixture.pool] + servers + ["--"] + command,
      environment: marked.environment)
  }

  @Test(arguments: [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1])
  func aSignalEndsTheCommandAndTheServers(number: Int32) throws {
    let marked = MarkedProcesses()
    let running = try command(
      marked, servers: ["{a} daemon", "{b} helpers=2"], "sh", "-c",
      "ulimit -c 0; echo started; exec sleep 1000"
    ).start()
    #expect(try running.nextLine() == "started")
    running.signal(number)
    let result = try running.finish()
    #expect(result.status == 128 + number || result.status == 128 + SIGTERM)
    #expect(marked.pids == [])
  }

  @Test func theCommandMayEndInItsOwnWay() throws {
    let marked = MarkedProcesses()
    for name in ["INT", "TERM"] {
      let running = try command(
        marked, servers: ["{a}"], "sh", "-c",
        "trap 'echo trapped; exit 5' \(name); echo started; "
          + "while :; do sleep 0.01; done"
      ).start()
      #expect(try running.nextLine() == "started")
      running.signal(name == "INT" ? SIGINT : SIGTERM)
      #expect(try running.nextLine() == "trapped")
      #expect(try running.finish().status == 5)
      #expect(marked.pids == [])
    }
  }

  @Test func aSignalDuringTheStartEndsTheServers() throws {
    let marked = MarkedProcesses()
    let running = try command(
      marked, servers: ["{a}", "{b} never"], "true"
    ).start()
    while try names(marked).filter({ $0 == "test-server" }).count < 2 {}
    running.signal(SIGTERM)
    #expect(try running.finish().status == 143)
    #expect(marked.pids == [])
  }

  @Test func aSecondSignalIsNotPatient() throws {
    let marked = MarkedProcesses()
    let running = try command(
      marked, servers: ["{a} ignore helpers=1"], "sh", "-c",
      "trap '' TERM; echo started; while :; do sleep 0.01; done"
    ).start()
    #expect(try running.nextLine() == "started")
    let start = ContinuousClock.now
    running.signal(SIGTERM)
    // Signals of one kind do not queue.
    let ended = Flag()
    Thread.detachNewThread {
      while !ended.isSet {
        usleep(20_000)
        running.signal(SIGTERM)
      }
    }
    #expect(try running.finish().status == 137)
    ended.set()
    #expect(marked.pids == [])
    // Twice the time of grace.
    #expect(ContinuousClock.now - start < .seconds(9))
  }

  @Test func nothingIsLeftIfItIsKilled() throws {
    let marked = MarkedProcesses()
    let running = try command(
      marked, servers: ["{a} daemon helpers=2"], "sh", "-c",
      "(setsid sleep 1000 &) ; echo started; exec sleep 1000"
    ).start()
    #expect(try running.nextLine() == "started")
    running.kill()
    #expect(marked.waitForEnd() == [])
    try running.finish()
  }

  @Test func whatTheCommandLeavesBehindStays() throws {
    let marked = MarkedProcesses()
    let result = try command(
      marked, servers: ["{a}"], "sh", "-c",
      "setsid -f sleep 1000 >/dev/null 2>&1 </dev/null"
    ).run()
    #expect(result.status == 0)
    #expect(try names(marked) == ["sleep"])
    for pid in marked.pids { kill(pid, SIGKILL) }
    #expect(marked.waitForEnd() == [])
  }

  /// In a terminal: Ctrl-C reaches the command, and portpicker waits for it.
  @Test func theKeyboardInterruptsTheCommandOnce() throws {
    let marked = MarkedProcesses()
    let text = """
      import os, pty, sys
      pid, terminal = pty.fork()
      if pid == 0:
          os.execv(sys.argv[1], sys.argv[1:])
      output = b""
      while b"started" not in output:
          output += os.read(terminal, 100)
      os.write(terminal, b"\\x03")
      try:
          while piece := os.read(terminal, 100):
              output += piece
      except OSError:
          pass
      status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
      print(output.count(b"interrupted"), status)
      """
    let command = command(
      marked, servers: ["{a}"], "sh", "-c",
      "trap 'echo interrupted' INT; tty >/dev/null && echo started; "
        + "n=0; while [ $n -lt 30 ]; do sleep 0.01; n=$((n + 1)); done; exit 3")
    let result = try Command(
      "/usr/bin/env",
      ["python3", "-c", text, command.path] + command.arguments,
      environment: command.environment
    ).run()
    #expect(result.output == "1 3\n", "\(result)")
    #expect(marked.pids == [])
  }

  /// Signals of every kind, at random moments, to it or to any of its processes.
  @Test func nothingIsLeftWhateverIsKilledAndWhen() async throws {
    let signals = [
      SIGKILL, SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGABRT,
    ]
    let seed = Int.random(in: 0..<1_000_000)
    let left = try await sideBySide(8) { index -> [String] in
      var random = Seeded(seed: seed + index)
      var left: [String] = []
      for _ in 0..<25 {
        let marked = MarkedProcesses()
        let running = try command(
          marked, servers: ["{a} daemon helpers=1", "{b} child", "{c}"], "sh",
          "-c", "ulimit -c 0; sleep 1000 & wait"
        ).start()
        usleep(UInt32.random(in: 0...120_000, using: &random))
        if Int.random(in: 0..<3, using: &random) == 0,
          let victim = marked.pids.randomElement(using: &random)
        {
          kill(victim, SIGKILL)
        }
        let number = signals.randomElement(using: &random) ?? SIGKILL
        running.signal(number)
        // A signal that the command has got may have ended only a part of it.
        let rest = marked.waitForEnd(seconds: 2)
        if !rest.isEmpty { running.signal(SIGTERM) }
        let stillThere = marked.waitForEnd()
        for pid in stillThere {
          left.append("\(number): \(processName(ofProcess: pid))")
          kill(pid, SIGKILL)
        }
        try running.finish()
      }
      return left
    }
    #expect(left.flatMap(\.self) == [], "seed \(seed)")
  }

  private func names(_ marked: MarkedProcesses) throws -> [String] {
    marked.pids.map { processName(ofProcess: $0) }
  }
}

/// Something that another thread is told.
private final class Flag: @unchecked Sendable {
  private let lock = NSLock()
  private var value = false

  var isSet: Bool { lock.withLock { value } }

  func set() { lock.withLock { value = true } }
}
