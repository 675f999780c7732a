import CTestSupport
import Foundation
import HostSystem
import PortPicker
import TestSupport
import Testing

/// The public functions of named ports, each test in a process with its own files.
@Suite(.alone) struct NamedPortTests {
  @Test func aPlaceHasOnePortForAName() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let (p, q) = (try world.place("p"), try world.place("q"))
      let web = try namedPort("web", at: p, options: world.options)
      #expect(world.ports.contains(web))
      #expect(try namedPort("web", at: p, options: world.options) == web)
      #expect(try namedPort("web", at: q, options: world.options) != web)
      #expect(try namedPort("db", at: p, options: world.options) != web)
      // A symbolic link leads to the same place.
      let link = world.directory.file("link")
      #expect(symlink(p, link) == 0)
      #expect(try namedPort("web", at: link, options: world.options) == web)
      // So does the current directory, and one inside of it.
      _ = try world.place("p/.git")
      _ = try world.place("p/sub")
      #expect(chdir(p + "/sub") == 0)
      #expect(try namedPort("web", options: world.options) == web)
      #expect(world.warnings.all == [])
    }
  }

  @Test func aServerThatListensChangesNothing() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      let web = try namedPort("web", at: place, options: world.options)
      let socket = try TestSocket(
        .tcp, at: .anyIPv4, port: UInt16(web), listening: true)
      #expect(try namedPort("web", at: place, options: world.options) == web)
      withExtendedLifetime(socket) {}
    }
  }

  @Test func severalNamesHaveTheirPortsInOrder() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      let named = try namedPorts(
        ["web", "db", "web"], at: place, options: world.options)
      #expect(named.map(\.name) == ["web", "db", "web"])
      #expect(named[0] == named[2])
      #expect(named[0].ports != named[1].ports)
      #expect(named.allSatisfy { $0.place == place && $0.goneSince == nil })
      #expect(try namedPorts([], at: place, options: world.options) == [])
      #expect(try namedPorts(at: place).map(\.name) == ["db", "web"])
      #expect(try namedPortsOfAllPlaces() == namedPorts(at: place))
    }
  }

  @Test func aBlockHasConsecutivePorts() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      let block = try namedPorts(
        "workers", count: 3, at: place, options: world.options)
      #expect(block == Array(block[0]...block[0] + 2))
      #expect(
        try namedPort("workers", at: place, options: world.options) == block[0])
      #expect(try namedPorts(at: place).first?.ports == block)
      for count in [0, -1, 65536, 2] {
        world.expect(.invalidArgument) {
          _ = try namedPorts(
            "workers", count: count, at: place, options: world.options)
        }
      }
    }
  }

  /// Also if a new ledger must be given the claim, and the pool is another one.
  @Test func aClaimDoesNotDependOnThePool() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      let block = try namedPorts(
        "workers", count: 3, at: place, options: world.options)
      #expect(unlink(world.directory.file("ledger")) == 0)
      let other = NamedPortOptions(pool: [1...1])
      #expect(
        try namedPorts("workers", count: 3, at: place, options: other) == block)
      #expect(try portSourceStatus(options: world.pick).claimedCount == 3)
    }
  }

  @Test func aManifestDecides() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      let preferred = try unusedTestPort()
      try world.write(
        "web prefer=\(preferred)\nworkers count=3\n", to: "p/.ports")
      let manifest = try #require(try Manifest.read(at: place))
      let named = try namedPorts(
        of: manifest, at: place, options: world.options)
      #expect(named.map(\.name) == ["web", "workers"])
      #expect(named[0].ports == [Int(preferred)])
      #expect(named[1].ports.count == 3)
      #expect(
        try namedPorts(["workers"], at: place, options: world.options)[0]
          == named[1])
      #expect(world.warnings.all == [])
      // The manifest and the claim disagree.
      try world.write("workers count=4\n", to: "p/.ports")
      world.expect(.invalidArgument, "portpicker forget workers") {
        _ = try namedPort("workers", at: place, options: world.options)
      }
      world.expect(.invalidArgument, "count=4") {
        _ = try namedPorts(
          "workers", count: 3, at: place, options: world.options)
      }
      // A name that it does not list.
      _ = try namedPort("other", at: place, options: world.options)
      _ = try namedPort("other", at: place, options: world.options)
      #expect(world.warnings.all.count == 1)
      #expect(world.warnings.all[0].contains("'other'"))
      #expect(world.warnings.all[0].contains(".ports"))
      try world.write("workers count=x\n", to: "p/.ports")
      world.expect(.invalidArgument, "/p/.ports:1: ") {
        _ = try namedPort("web", at: place, options: world.options)
      }
    }
  }

  @Test func aPreferredPortIsForTheMainCheckout() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let preferred = Int(try unusedTestPort())
      let text = "web prefer=\(preferred)\n"
      let (main, linked) = (try world.place("main"), try world.place("linked"))
      _ = try world.place("main/.git/worktrees/linked")
      try world.write(
        "gitdir: \(main)/.git/worktrees/linked\n", to: "linked/.git")
      for place in ["main", "linked"] {
        try world.write(text, to: "\(place)/.ports")
      }
      let other = try namedPort("web", at: linked, options: world.options)
      #expect(world.ports.contains(other))
      #expect(
        try namedPort("web", at: main, options: world.options) == preferred)
      #expect(world.warnings.all == [])
      // Another checkout finds it taken.
      _ = try world.place("clone/.git")
      try world.write(text, to: "clone/.ports")
      let clone = try namedPort(
        "web", at: world.directory.file("clone"), options: world.options)
      #expect(world.ports.contains(clone))
      #expect(world.warnings.all.count == 1)
      let warning = try #require(world.warnings.all.first)
      #expect(warning.contains("port \(clone) and not port \(preferred)"))
      #expect(warning.contains("'\(main)'"))
    }
  }

  @Test func aPreferredPortInUseIsReplacedAndTheUserNamed() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      let preferred = try unusedTestPort()
      let socket = try TestSocket(
        .tcp, at: .anyIPv4, port: preferred, listening: true)
      try world.write("web prefer=\(preferred)\n", to: "p/.ports")
      let port = try namedPort("web", at: place, options: world.options)
      #expect(world.ports.contains(port))
      #expect(world.warnings.all.count == 1)
      let warning = try #require(world.warnings.all.first)
      #expect(warning.contains("in use by process \(getpid())"))
      withExtendedLifetime(socket) {}
    }
  }

  @Test func aNameIsForgotten() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      let names = ["c", "a", "b"]
      _ = try namedPorts(names, at: place, options: world.options)
      #expect(try forgetNamedPort("a", at: place))
      #expect(try !forgetNamedPort("a", at: place))
      #expect(try namedPorts(at: place).map(\.name) == ["b", "c"])
      // Its directory need not exist.
      try FileManager.default.removeItem(atPath: place)
      #expect(try namedPortsOfAllPlaces().allSatisfy { $0.goneSince != nil })
      #expect(try forgetNamedPorts(at: place).map(\.name) == ["b", "c"])
      #expect(try namedPortsOfAllPlaces() == [])
    }
  }

  @Test func whatIsWrongIsSaid() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      world.expect(.invalidArgument, "'Web'") {
        _ = try namedPort("Web", at: place, options: world.options)
      }
      world.expect(.invalidArgument) {
        _ = try namedPort(
          "web", at: world.directory.file("none"), options: world.options)
      }
      world.expect(.invalidArgument) {
        _ = try namedPort(
          "web", at: place, options: NamedPortOptions(timeout: .zero))
      }
      world.expect(.invalidArgument) {
        _ = try namedPort(
          "web", at: place, options: NamedPortOptions(pool: []))
      }
      world.expect(.invalidArgument, "has only") {
        _ = try namedPorts(
          "web", count: world.ports.count + 1, at: place,
          options: world.options)
      }
      world.expect(.poolExhausted, "'last'") {
        for number in 0...world.ports.count {
          _ = try namedPort(
            number < world.ports.count ? "n\(number)" : "last", at: place,
            options: world.options)
        }
      }
      #expect(try namedPorts(at: place).count == world.ports.count)
    }
  }

  @Test func aFileThatCannotBeUsedIsAnError() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      _ = try world.place("claims")
      world.expect(.claimsUnusable, world.directory.file("claims")) {
        _ = try namedPort("web", at: place, options: world.options)
      }
      setenv("PORTPICKER_CLAIMS", "claims", 1)
      world.expect(.invalidArgument, "absolute") {
        _ = try namedPort("web", at: place, options: world.options)
      }
      setenv("PORTPICKER_CLAIMS", world.directory.file("none/claims"), 1)
      world.expect(.claimsUnusable, "PORTPICKER_CLAIMS") {
        _ = try namedPort("web", at: place, options: world.options)
      }
      // Nothing was leased or claimed meanwhile.
      #expect(try portSourceStatus(options: world.pick).claimedCount == 0)
      #expect(try portSourceStatus(options: world.pick).leasedCount == 0)
    }
  }

  @Test func noPickTakesAClaimedPort() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      let named = try namedPorts(
        ["a", "b", "c"], at: place, options: world.options)
      let claimed = named.flatMap(\.ports)
      let count = world.ports.count - 3
      let picked = try pickUnusedPorts(count: count, options: world.pick)
      #expect(Set(picked).isDisjoint(with: claimed))
      world.expect(.poolExhausted, "3 belong to names") {
        _ = try pickUnusedPort(options: world.pick) as Int
      }
      let status = try portSourceStatus(options: world.pick)
      #expect(status.claimedCount == 3)
      #expect(status.leasedCount == count)
      #expect(status.inUseCount == 0)
      #expect(status.freeCount == 0)
      try forgetNamedPorts(at: place)
      #expect(claimed.contains(try pickUnusedPort(options: world.pick)))
    }
  }

  @Test func theReportHasWhatIsWrongWithTheFile() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      #expect(try Picker.shared.claimsReport().claims.isEmpty)
      try world.write(
        """
        10005 1 b 2000-01-01T00:00:00Z \(place)
        10005 3 a 2000-01-01T00:00:00Z \(place)
        10100 what
        10006 1 a 2000-01-01T00:00:00Z /zzz/nonexistent
        """, to: "claims")
      let report = try Picker.shared.claimsReport()
      #expect(report.path == world.directory.file("claims"))
      // In the order of the places, then of the names.
      #expect(report.claims.map(\.name) == ["a", "b", "a"])
      #expect(
        report.claims.map { $0.goneSince != nil } == [false, false, true])
      #expect(report.unreadable.map(\.number) == [3])
      #expect(report.unreadable.first?.blocked == 10100...10100)
      #expect(report.overlaps.count == 2)
    }
  }

  @Test func theAsynchronousFunctionsDoTheSame() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let place = try world.place("p")
      let port = try await namedPort("web", at: place, options: world.options)
      #expect(
        try await namedPorts(["web"], at: place, options: world.options)[0]
          .ports == [port])
      #expect(
        try await namedPorts(
          "web", count: 1, at: place, options: world.options) == [port])
      #expect(try await namedPorts(at: place).map(\.ports) == [[port]])
      #expect(try await namedPortsOfAllPlaces().map(\.ports) == [[port]])
      #expect(try await forgetNamedPort("web", at: place))
      #expect(try await forgetNamedPorts(at: place) == [])
    }
  }

  @Test func threadsAndForkedChildrenGetDifferentPorts() async {
    await #expect(processExitsWith: .success) {
      let world = try NamedPortWorld()
      let found = Collected<Int>()
      let places = try (0..<4).map { try world.place("p\($0)") }
      let children = try (0..<2).map { number in
        let place = try world.place("child\(number)")
        let child = cts_fork()
        if child == 0 {
          let port = try? namedPort("web", at: place, options: world.options)
          _exit(port == nil ? 1 : 0)
        }
        return child
      }
      DispatchQueue.concurrentPerform(iterations: 4) { index in
        for name in ["a", "b"] {
          let port = try? namedPort(
            name, at: places[index], options: world.options)
          found.add(port ?? -1)
        }
      }
      for child in children { #expect(cts_wait(child) == 0) }
      let all = try namedPortsOfAllPlaces().flatMap(\.ports)
      #expect(all.count == 10)
      #expect(Set(all).count == 10)
      #expect(Set(found.all).isSubset(of: all))
      #expect(Set(found.all).count == 8)
    }
  }
}

/// A ledger, a claims file, and ports that no other test gets.
private struct NamedPortWorld {
  let directory: TemporaryDirectory
  let ports: [Int]
  let warnings = Collected<String>()

  init() throws {
    directory = try TemporaryDirectory()
    ports = try unusedTestBlock().prefix(12).map { Int($0) }
    setenv("PORTPICKER_LEDGER", directory.file("ledger"), 1)
    setenv("PORTPICKER_CLAIMS", directory.file("claims"), 1)
    for name in ["PORTSERVER_ADDRESS", "PORTPICKER_REQUIRE_SERVER"] {
      unsetenv(name)
    }
    let warnings = warnings
    PortPickerWarnings.handler = { warnings.add($0.description) }
  }

  var options: NamedPortOptions {
    NamedPortOptions(pool: [ports[0]...ports[ports.count - 1]])
  }

  var pick: PickOptions {
    PickOptions(pool: [ports[0]...ports[ports.count - 1]])
  }

  /// A directory, created with those that it is in.
  func place(_ name: String) throws -> String {
    let path = directory.file(name)
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true)
    return path
  }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(filePath: directory.file(name)))
  }

  /// Expects an error with a code, whose description contains a text.
  func expect(
    _ code: PortPickerError.Code, _ text: String = "",
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
  ) {
    let error = #expect(
      throws: PortPickerError.self, sourceLocation: sourceLocation,
      performing: body)
    #expect(error?.code == code, sourceLocation: sourceLocation)
    #expect(
      error?.description.contains(text) == true || text.isEmpty,
      "\(error?.description ?? "")", sourceLocation: sourceLocation)
  }
}
