import CTestSupport
import Foundation
import Synchronization
import TestSupport
import Testing

/// Named ports under load, kills and changes of the host.
@Suite(.alone) struct NamedPortStressTests {
  private let fixture: CommandFixture
  private let claims: String
  /// Whether to take the time that it takes to try everything
  /// (`PORTPICKER_TEST_THOROUGHLY`).
  private static let isThorough =
    ProcessInfo.processInfo.environment["PORTPICKER_TEST_THOROUGHLY"] != nil

  init() throws {
    fixture = try CommandFixture()
    claims = fixture.directory.file("claims")
  }

  // MARK: - Many at once

  /// Processes claim different names in as many new worktrees, over a file with
  /// thousands of claims, half of them of places that are gone.
  @Test func claimsSideBySideGetDifferentPorts() async throws {
    let count = Self.isThorough ? 64 : 16
    let old = try writeOldClaims(
      places: Self.isThorough ? 500 : 100, names: 10, firstPort: 40_000)
    let pool = try unusedTestPool(count * 5 / 4)
    let places = try (0..<count).map { try makePlace("new-\($0)") }
    let (fixture, claims) = (fixture, claims)
    let ports = try await sideBySide(count) { index in
      let result = try fixture.portpicker(
        [
          "name", "name-\(index)", "--at", places[index], "--pool", pool,
          "--timeout", "60",
        ], environment: ["PORTPICKER_CLAIMS": claims]
      ).run()
      #expect(result.status == 0, "\(result)")
      #expect(result.errors == "")
      return (index, try #require(Int(result.output.dropLast())))
    }
    #expect(Set(ports.map(\.1)).count == count)
    let poolPorts = Set(pool.split(separator: ",").compactMap { Int($0) })
    #expect(poolPorts.isSuperset(of: ports.map(\.1)))
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
    #expect(lines.count == old.living.count + old.gone.count + count)
    // And the answers stay.
    for (index, port) in ports.prefix(3) {
      #expect(try name("name-\(index)", at: places[index]) == [port])
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

  /// SIGKILL before the system calls of a claim, with and without an older claim and
  /// ledger.
  @Test(arguments: [false, true])
  func aClaimKilledAtAnySystemCallLosesNothing(isNew: Bool) throws {
    let pool = try unusedTestPool(6)
    let place = try makePlace("place")
    let kept =
      isNew ? [] : try name("kept", at: makePlace("other"), "--pool", pool)
    let older = isNew ? [:] : try contents(of: [claims, fixture.ledger])
    let calls = try killAtCalls(
      of: ["name", "a", "b", "c", "--at", place, "--pool", pool]
    ) {
      try restore(older)
    } afterKill: { call in
      // A process may be leased any port but those that are claimed.
      let holder = try HolderProcess()
      let early = try ports(holder.pid, "--pool", pool)
      let claimed = try name("a", "b", "c", at: place, "--pool", pool)
      #expect(claimed.count == 3, "killed at call \(call)")
      let lines = try fileLines()
      #expect(
        kept.allSatisfy { port in lines.contains { $0.hasPrefix("\(port) ") } },
        "killed at call \(call)")
      // No port is claimed or leased twice, and none is lost.
      let rest = try ports(
        holder.pid, "--pool", pool, "--count", "\(2 - kept.count)")
      let all = kept + claimed + early + rest
      #expect(Set(all).count == 6, "killed at call \(call): \(all)")
      // Nothing else is left in the directory.
      let files = try FileManager.default.contentsOfDirectory(
        atPath: fixture.directory.path)
      #expect(
        !files.contains { $0.contains(".new") },
        "killed at call \(call): \(files)")
    }
    #expect(calls > 40)
  }

  @Test func aForgetKilledAtAnySystemCallLosesNothing() throws {
    let pool = try unusedTestPool(3)
    let place = try makePlace("place")
    let claimed = try name("a", "b", at: place, "--pool", pool)
    let older = try contents(of: [claims, fixture.ledger])
    let calls = try killAtCalls(of: ["forget", "a", "--at", place]) {
      try restore(older)
    } afterKill: { call in
      let result = try portpicker("forget", "a", "--at", place).run()
      #expect(result.status <= 1, "killed at call \(call): \(result)")
      // The next claim clears up what is left in the ledger.
      let next = try name("c", at: place, "--pool", pool)
      let holder = try HolderProcess()
      let rest = try ports(holder.pid, "--pool", pool)
      let all = [claimed[1]] + next + rest
      #expect(Set(all).count == 3, "killed at call \(call): \(all)")
      #expect(try name("b", at: place) == [claimed[1]])
    }
    #expect(calls > 10)
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
    // A warning says whose they were.
    for (name, ports) in [("b", old), ("c", oldSecond)] {
      let result = try portpicker("name", name, "--at", third, "--pool", pool)
        .run()
      #expect(result.output == "\(ports[0])\n")
      #expect(result.errors.contains("handed out again"))
    }
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

  /// Kills a command with SIGKILL at its system calls, one after another, from the
  /// opening of the claims' lock, before which it changes nothing, to its end.
  ///
  /// Every fourth call, from a random one on, unless the tests are thorough.
  ///
  /// - Parameters:
  ///   - words: The arguments.
  ///   - prepare: Called before each run.
  ///   - afterKill: Called after each kill.
  /// - Returns: How many calls the command makes.
  /// - Throws: What `prepare` and `afterKill` throw, or that ptrace(2) is not available.
  private func killAtCalls(
    of words: [String], prepare: () throws -> Void,
    afterKill: (Int) throws -> Void
  ) throws -> Int {
    let environment = [
      "PORTPICKER_LEDGER=\(fixture.ledger)", "PORTPICKER_CLAIMS=\(claims)",
    ]
    let step = Self.isThorough ? 1 : 4
    var call = Int.random(in: 1...step)
    while true {
      try prepare()
      let outcome = withCStrings([Command.portpickerPath] + words) { words in
        withCStrings(environment) { environment in
          cts_run_killed(
            Command.portpickerPath, words, environment, claims + ".lock", call)
        }
      }
      try #require(outcome >= 0, "ptrace(2) is needed: \(errno)")
      if outcome == 0 { return call }
      try afterKill(call)
      call += step
    }
  }

  private func contents(of paths: [String]) throws -> [String: Data] {
    try Dictionary(
      uniqueKeysWithValues: paths.map {
        ($0, try Data(contentsOf: URL(fileURLWithPath: $0)))
      })
  }

  /// Gives files their content, and removes the other files of the command.
  private func restore(_ older: [String: Data]) throws {
    for path in [claims, fixture.ledger] {
      if let data = older[path] {
        try data.write(to: URL(fileURLWithPath: path))
      } else {
        try? FileManager.default.removeItem(atPath: path)
      }
    }
  }
}
