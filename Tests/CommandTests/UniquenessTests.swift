import CTestSupport
import Foundation
import Synchronization
import TestSupport
import Testing

/// Promise 1 and 2: many processes at once, and some that are killed.
@Suite(.alone) struct UniquenessTests {
  private let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture()
  }

  /// That many unused ports, in the format of `--pool`.
  private static func pool(of count: Int) throws -> String {
    try (0..<count).map { _ in "\(try unusedTestPort())" }
      .joined(separator: ",")
  }

  @Test func processesSideBySidePickDifferentPorts() async throws {
    let fixture = fixture
    let pool = try Self.pool(of: 200)
    let picks = try await sideBySide(32) { _ in
      let holder = try HolderProcess()
      let ports = try (0..<5).map { _ in
        try fixture.ports(holder.pid, "--pool", pool)[0]
      }
      return (holder, ports)
    }
    let ports = picks.flatMap(\.1)
    #expect(ports.count == 160)
    #expect(Set(ports).count == 160)
  }

  /// 32 threads start holders, pick for them and kill holders, and picks, at
  /// random.
  ///
  /// A port that is picked while another living holder has it is a violation;
  /// when all holders are dead, every port is back.
  @Test func noPortHasTwoLivingHolders() async throws {
    let fixture = fixture
    let pool = try Self.pool(of: 64)
    let holders = Mutex<[Int: HolderProcess]>([:])
    let violations = try await sideBySide(32) { _ in
      var violations: [Int] = []
      for _ in 0..<8 {
        let holder = try HolderProcess()
        // On a busy machine, 32 at once may wait for the ledger for long.
        let command = fixture.portpicker([
          "--pool", pool, "--timeout", "60", holder.pid,
        ])
        if Int.random(in: 0..<4) == 0 {
          let killed = try command.start()
          killed.kill()
          try killed.finish()
          // Whatever it had picked is given up with the holder.
          continue
        }
        let result = try command.run()
        if result.status == 1, result.errors.contains("no port is left") {
          continue
        }
        let port = try #require(Int(result.output.dropLast()), "\(result)")
        let other = holders.withLock { $0.updateValue(holder, forKey: port) }
        if other != nil { violations.append(port) }
        if Bool.random() {
          // Out of the table first: while it lives, no other process gets its port.
          let victim = holders.withLock { holders in
            holders.keys.randomElement().flatMap {
              holders.removeValue(forKey: $0)
            }
          }
          victim?.end()
        }
      }
      return violations
    }.flatMap(\.self)
    #expect(violations.isEmpty)

    for holder in holders.withLock({ $0 }).values { holder.end() }
    let all = try fixture.ports("--pool", pool, "--count", "64")
    #expect(
      Set(all.map(String.init))
        == Set(pool.split(separator: ",").map(String.init)))
  }

  @Test(arguments: [false, true])
  func aPickKilledAtAnySystemCallLeavesALedgerThatWorks(
    isNew: Bool
  ) throws {
    let first = try HolderProcess()
    let second = try HolderProcess()
    var kept = try fixture.ports(first.pid)
    var limit = 1
    while true {
      if isNew {
        try FileManager.default.removeItem(atPath: fixture.ledger)
        kept = []
      }
      let outcome = try killed(
        at: limit, fixture.portpicker([second.pid]))
      if outcome == 0 { break }
      let result = try fixture.portpicker([second.pid]).run()
      #expect(result.status == 0, "killed at call \(limit)")
      #expect(result.errors == "", "killed at call \(limit)")
      let port = try #require(Int(result.output.dropLast()))
      #expect(!kept.contains(port), "killed at call \(limit)")
      kept.append(port)
      limit += 1
    }
    // There is more to a pick than opening the ledger.
    #expect(limit > 15)
  }

  /// - Returns: 1 if the command was killed at the system call, 0 if it had
  ///   ended before.
  private func killed(at limit: Int, _ command: Command) throws -> Int32 {
    let arguments = [command.path] + command.arguments
    let environment = ["PORTPICKER_LEDGER=\(fixture.ledger)"]
    let outcome = withCStrings(arguments) { arguments in
      withCStrings(environment) { environment in
        cts_run_killed(
          command.path, arguments, environment, fixture.ledger, limit)
      }
    }
    try #require(outcome >= 0, "ptrace(2) is needed: \(errno)")
    return outcome
  }
}
