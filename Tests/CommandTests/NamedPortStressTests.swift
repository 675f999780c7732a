import CTestSupport
import Foundation
import Synchronization
import TestSupport
import Testing

/// Named ports under load, kills and changes of the host.
@Suite(.alone) struct NamedPortStressTests {
  private let fixture: CommandFixture
  private let claims: String

  init() throws {
    fixture = try CommandFixture()
    claims = fixture.directory.file("claims")
  }

  // MARK: - Many at once

  /// 64 processes claim different names in 64 new worktrees over a file with 5,000
  /// claims, half of them of places that are gone.
  @Test func claimsSideBySideGetDifferentPorts() async throws {
    let old = try writeOldClaims(places: 500, names: 10, firstPort: 40_000)
    let pool = try unusedTestPool(80)
    let places = try (0..<64).map { try makePlace("new-\($0)") }
    let (fixture, claims) = (fixture, claims)
    let ports = try await sideBySide(64) { index in
      let result = try fixture.portpicker(
        [
          "name", "name-\(index)", "--at", places[index], "--pool", pool,
          "--timeout", "60",
        ], environment: ["PORTPICKER_CLAIMS": claims]
      ).run()
      #expect(result.status == 0, "\(result)")
      #expect(result.errors == "")
      return try #require(Int(result.output.dropLast()))
    }
    #expect(Set(ports).count == 64)
    let poolPorts = Set(pool.split(separator: ",").compactMap { Int($0) })
    #expect(poolPorts.isSuperset(of: ports))
    // Every claim of a living place is in the file as it was, and those of places that
    // are gone are still there, marked.
    let lines = try fileLines()
    #expect(Set(lines).isSuperset(of: old.living))
    for gone in old.gone {
      let fields = gone.split(separator: " ")
      let isMarked = lines.contains {
        $0.hasPrefix(fields[0..<3].joined(separator: " "))
          && $0.hasSuffix(" \(fields[4])")
          && $0.contains("\(fields[3])/")
      }
      if !isMarked {
        Issue.record("\(gone) is not marked")
        break
      }
    }
    #expect(lines.count == 5_064)
    // And the answers stay.
    for index in [0, 31, 63] {
      #expect(
        try name("name-\(index)", at: places[index], "--pool", pool)
          == [ports[index]])
    }
  }

  @Test func manyWorktreesOfOneRepositoryHaveDifferentPorts() async throws {
    let pool = try unusedTestPool(200)
    let places = try (0..<20).map { try makePlace("worktree-\($0)") }
    let names = (0..<10).map { "name-\($0)" }
    let (fixture, claims) = (fixture, claims)
    let ports = try await sideBySide(20) { index in
      let result = try fixture.portpicker(
        ["name"] + names + [
          "--at", places[index], "--pool", pool, "--timeout", "60",
        ], environment: ["PORTPICKER_CLAIMS": claims]
      ).run()
      #expect(result.status == 0, "\(result)")
      return result.output.split(separator: "\n").compactMap { Int($0) }
    }.flatMap(\.self)
    #expect(ports.count == 200)
    #expect(Set(ports).count == 200)
  }

  // MARK: - Claims and leases

  /// Picks from a pool that overlaps with that of the claims, at once with claims.
  @Test func noProcessIsGivenAClaimedPort() async throws {
    let pool = try unusedTestPool(96)
    let holders = try (0..<16).map { _ in try HolderProcess() }
    let places = try (0..<16).map { try makePlace("place-\($0)") }
    let (fixture, claims) = (fixture, claims)
    let ports = try await sideBySide(32) { index in
      let words =
        index < 16
        ? ["name", "a", "b", "c", "--at", places[index]]
        : [holders[index - 16].pid, "--count", "3"]
      let result = try fixture.portpicker(
        words + ["--pool", pool, "--timeout", "60"],
        environment: ["PORTPICKER_CLAIMS": claims]
      ).run()
      #expect(result.status == 0, "\(result)")
      return result.output.split(separator: "\n").compactMap { Int($0) }
    }.flatMap(\.self)
    // All of the pool, and no port twice.
    #expect(ports.count == 96)
    #expect(Set(ports).count == 96)
    // When the holders are dead, half of the pool is back, and no claimed port.
    for holder in holders { holder.end() }
    let claimed = try Set(places.flatMap { try name("a", "b", "c", at: $0) })
    let holder = try HolderProcess()
    let picked = try self.ports(
      holder.pid, "--count", "48", "--pool", pool)
    #expect(claimed.isDisjoint(with: picked))
    let result = try portpicker(holder.pid, "--pool", pool).run()
    #expect(result.status == 1)
    #expect(result.output == "")
  }

  /// After a boot, the ledger is new, and the claims are not.
  @Test func aNewLedgerHasTheClaims() throws {
    let pool = try unusedTestPool(4)
    let place = try makePlace("place")
    let claimed = try name("a", "b", "c", at: place, "--pool", pool)
    try FileManager.default.removeItem(atPath: fixture.ledger)
    let holder = try HolderProcess()
    let picked = try ports(holder.pid, "--pool", pool)
    #expect(!claimed.contains(picked[0]))
    let result = try portpicker(holder.pid, "--pool", pool).run()
    #expect(result.status == 1)
    #expect(try name("a", "b", "c", at: place) == claimed)
  }

  // MARK: - Kills

  /// SIGKILL before each system call of a claim, with and without an older claim and
  /// ledger.
  @Test(arguments: [false, true])
  func aClaimKilledAtAnySystemCallLosesNothing(isNew: Bool) throws {
    let size = 12
    let pool = try unusedTestPool(size)
    let place = try makePlace("place")
    let other = try makePlace("other")
    let environment = [
      "PORTPICKER_LEDGER=\(fixture.ledger)", "PORTPICKER_CLAIMS=\(claims)",
    ]
    var limit = 1
    while true {
      for path in [claims, fixture.ledger] {
        try? FileManager.default.removeItem(atPath: path)
      }
      let kept = isNew ? [] : try name("kept", at: other, "--pool", pool)
      let outcome = try killed(
        at: limit,
        ["name", "a", "b", "c", "--at", place, "--pool", pool], environment)
      if outcome == 0 { break }
      // A process may be given any port but those that are claimed.
      let holder = try HolderProcess()
      let result = try portpicker(
        "name", "a", "b", "c", "--at", place, "--pool", pool
      ).run()
      #expect(result.status == 0, "killed at call \(limit): \(result)")
      #expect(result.errors == "", "killed at call \(limit)")
      let claimed = result.output.split(separator: "\n").compactMap { Int($0) }
      #expect(claimed.count == 3, "killed at call \(limit)")
      if !isNew {
        #expect(try name("kept", at: other) == kept, "killed at \(limit)")
      }
      let taken = Set(claimed + kept)
      #expect(taken.count == 3 + kept.count, "killed at call \(limit)")
      // No port is lost.
      let rest = try ports(
        holder.pid, "--pool", pool, "--count", "\(size - taken.count)")
      #expect(taken.isDisjoint(with: rest), "killed at call \(limit)")
      // Nothing else is left in the directory.
      let files = try FileManager.default.contentsOfDirectory(
        atPath: fixture.directory.path)
      #expect(
        !files.contains { $0.contains(".new-") },
        "killed at call \(limit): \(files)")
      limit += 1
    }
    #expect(limit > 40)
  }

  /// A process that is leased a port between a kill and the next claim does not have a
  /// port that was claimed.
  @Test func aPickAfterAKilledClaimGetsNoClaimedPort() throws {
    let pool = try unusedTestPool(3)
    let place = try makePlace("place")
    let environment = [
      "PORTPICKER_LEDGER=\(fixture.ledger)", "PORTPICKER_CLAIMS=\(claims)",
    ]
    var limit = 1
    while true {
      for path in [claims, fixture.ledger] {
        try? FileManager.default.removeItem(atPath: path)
      }
      let outcome = try killed(
        at: limit, ["name", "a", "--at", place, "--pool", pool], environment)
      if outcome == 0 { break }
      let holder = try HolderProcess()
      let picked = try ports(holder.pid, "--pool", pool, "--count", "2")
      let claimed = try name("a", at: place, "--pool", pool)
      #expect(!picked.contains(claimed[0]), "killed at call \(limit)")
      limit += 1
    }
  }

  @Test func aForgetKilledAtAnySystemCallLosesNothing() throws {
    let pool = try unusedTestPool(4)
    let place = try makePlace("place")
    let environment = [
      "PORTPICKER_LEDGER=\(fixture.ledger)", "PORTPICKER_CLAIMS=\(claims)",
    ]
    var limit = 1
    while true {
      let claimed = try name("a", "b", at: place, "--pool", pool)
      let outcome = try killed(
        at: limit, ["forget", "a", "--at", place], environment)
      let result = try portpicker("forget", "a", "--at", place).run()
      if outcome == 0 { break }
      #expect(result.status <= 1, "killed at call \(limit): \(result)")
      #expect(
        try name("b", at: place) == [claimed[1]], "killed at call \(limit)")
      // The next claim clears up what is left in the ledger.
      _ = try name("c", at: place, "--pool", pool)
      _ = try portpicker("forget", "c", "--at", place).run()
      let holder = try HolderProcess()
      let picked = try ports(holder.pid, "--pool", pool, "--count", "3")
      #expect(!picked.contains(claimed[1]), "killed at call \(limit)")
      holder.end()
      limit += 1
    }
    #expect(limit > 10)
  }

  // MARK: - Worktrees that come and go

  @Test func aWorktreeThatIsAddedAgainHasItsPorts() throws {
    let pool = try unusedTestPool(4)
    let place = try makePlace("worktree")
    let claimed = try name("a", "b", at: place, "--pool", pool)
    try FileManager.default.removeItem(atPath: place)
    // Others claim in the meantime.
    _ = try name("a", "b", at: makePlace("other"), "--pool", pool)
    _ = try makePlace("worktree")
    #expect(try name("a", "b", at: place) == claimed)
    #expect(
      try !fileLines().contains { $0.contains("Z/") && $0.contains("/other") })
  }

  /// The ports of a worktree that was moved come back when there are no others, those
  /// that have been gone for longest first.
  @Test func portsOfWorktreesThatAreGoneComeBackLast() throws {
    let pool = try unusedTestPool(4)
    let first = try makePlace("first")
    let second = try makePlace("second")
    let old = try name("a", at: first, "--pool", pool)
    let oldSecond = try name("a", at: second, "--pool", pool)
    let moved = fixture.directory.file("moved")
    try FileManager.default.moveItem(atPath: first, toPath: moved)
    let new = try name("a", at: moved, "--pool", pool)
    #expect(new != old && new != oldSecond)
    // The claim just before has marked the first one as gone; give the second one a
    // later time.
    try edit { $0.replacing(/Z\/[0-9T:-]+Z/, with: "Z/2020-01-01T00:00:00Z") }
    try FileManager.default.removeItem(atPath: second)
    let third = try makePlace("third")
    let fresh = try name("a", at: third, "--pool", pool)
    #expect(Set(old + oldSecond + new).isDisjoint(with: fresh))
    #expect(try name("b", at: third, "--pool", pool) == old)
    #expect(try name("c", at: third, "--pool", pool) == oldSecond)
    let result = try portpicker("name", "d", "--at", third, "--pool", pool)
      .run()
    #expect(result.status == 1)
    #expect(result.errors.split(separator: "\n").count == 1)
    #expect(try name("a", at: moved) == new)
  }

  // MARK: - Setup

  /// Makes a directory that is a worktree to the command.
  private func makePlace(_ name: String) throws -> String {
    let path = fixture.directory.file(name)
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true)
    try "gitdir: /nowhere\n".write(
      toFile: path + "/.git", atomically: true, encoding: .utf8)
    return path
  }

  /// Writes claims of places; every second place is gone.
  private func writeOldClaims(
    places: Int, names: Int, firstPort: Int
  ) throws -> (living: [String], gone: [String]) {
    var (living, gone): ([String], [String]) = ([], [])
    var lines: [String] = []
    for index in 0..<places {
      let isGone = index % 2 == 1
      let place =
        isGone
        ? fixture.directory.file("old-\(index)") : try makePlace("old-\(index)")
      for number in 0..<names {
        let line =
          "\(firstPort + index * names + number) 1 old-\(number) "
          + "2026-01-02T03:04:05Z \(place)"
        if isGone { gone.append(line) } else { living.append(line) }
        lines.append(line)
      }
    }
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: claims, atomically: true, encoding: .utf8)
    return (living, gone)
  }

  /// The claims in the file, without comments.
  private func fileLines() throws -> [String] {
    try String(contentsOfFile: claims, encoding: .utf8).split(separator: "\n")
      .filter { !$0.hasPrefix("#") }.map(String.init)
  }

  private func edit(_ change: (String) -> String) throws {
    let text = try String(contentsOfFile: claims, encoding: .utf8)
    try change(text).write(toFile: claims, atomically: true, encoding: .utf8)
  }

  private func portpicker(_ words: String...) -> Command {
    fixture.portpicker(words, environment: ["PORTPICKER_CLAIMS": claims])
  }

  private func ports(_ words: String...) throws -> [Int] {
    let result = try fixture.portpicker(
      words, environment: ["PORTPICKER_CLAIMS": claims]
    ).run()
    #expect(result.status == 0, "\(result)")
    return result.output.split(separator: "\n").compactMap { Int($0) }
  }

  /// Runs `portpicker name`, which has to succeed in silence.
  private func name(_ words: String..., at place: String, _ options: String...)
    throws -> [Int]
  {
    let result = try fixture.portpicker(
      ["name"] + words + ["--at", place] + options,
      environment: ["PORTPICKER_CLAIMS": claims]
    ).run()
    #expect(result.status == 0, "\(result)")
    #expect(result.errors == "")
    return result.output.split(separator: "\n").compactMap { Int($0) }
  }

  /// - Returns: 1 if the command was killed at the system call, 0 if it had ended
  ///   before.
  private func killed(
    at limit: Int, _ words: [String], _ environment: [String]
  ) throws -> Int32 {
    let outcome = withCStrings([Command.portpickerPath] + words) { arguments in
      withCStrings(environment) { environment in
        cts_run_killed(
          Command.portpickerPath, arguments, environment, claims, limit)
      }
    }
    try #require(outcome >= 0, "ptrace(2) is needed: \(errno)")
    return outcome
  }
}
