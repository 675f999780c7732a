import Foundation
import TestSupport
import Testing

/// `portpicker name`.
@Suite(.alone) struct NameCommandTests {
  private let fixture: PlaceFixture

  init() throws {
    fixture = try PlaceFixture()
  }

  @Test func aNameKeepsItsPort() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)[0]
    #expect(fixture.pool.isRange(with: port))
    #expect(try fixture.claim("web", in: place) == [port])
    let server = try fixture.server(of: "web", in: place)
    defer { server.end() }
    #expect(
      try fixture.run(in: place, "name", "web").output == "\(port)\n")
    server.end()
    #expect(
      try fixture.run(in: place, "name", "web").output == "\(port)\n")
    // It outlives the ledger, as after a restart of the host.
    try FileManager.default.removeItem(atPath: fixture.command.ledger)
    #expect(
      try fixture.run(in: place, "name", "web").output == "\(port)\n")
  }

  @Test func eachWorktreeHasItsOwn() throws {
    let places = try (0..<5).map {
      try fixture.place("tree\($0)", isLinked: $0 > 0)
    }
    let ports = try places.map {
      try fixture.claim("web", "db", in: $0)
    }
    #expect(Set(ports.joined()).count == 10)
    for (place, own) in zip(places, ports) {
      #expect(try fixture.claim("web", "db", in: place) == own)
    }
  }

  @Test func noProcessIsGivenThePort() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)[0]
    let result = try fixture.run(in: place, "--pool", "\(port)")
    #expect(result.status == 1)
    #expect(result.output == "")
  }

  @Test func portsAreInTheOrderOfTheNames() throws {
    let place = try fixture.place("a")
    let ports = try fixture.claim("web", "db", in: place)
    #expect(
      try fixture.claim("db", "web", "db", in: place)
        == [ports[1], ports[0], ports[1]])
  }

  @Test func allNamesOrNoneAreClaimed() throws {
    let place = try fixture.place("a")
    let port = try unusedTestPort()
    let result = try fixture.run(
      in: place, "name", "--pool", "\(port)", "web", "db")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.errors.split(separator: "\n").count == 1)
    #expect(try fixture.rows(fixture.run(in: place, "names")).isEmpty)
    #expect(
      try fixture.run(in: place, "name", "--pool", "\(port)", "db").output
        == "\(port)\n")
  }

  @Test func aBlockIsInARow() throws {
    let place = try fixture.place("a")
    let ports = try fixture.claim("workers", "--count", "10", in: place)
    #expect(ports == Array(ports[0]..<ports[0] + 10))
    #expect(try fixture.claim("workers", in: place) == ports)
    #expect(try fixture.claim("workers", "--count", "10", in: place) == ports)
    let web = try fixture.claim("workers", "web", in: place)
    #expect(web.prefix(10) == ports[...])
    #expect(web.count == 11)
    let other = try fixture.run(in: place, "name", "workers", "--count", "9")
    #expect(other.status == 64)
    #expect(other.output == "")
    #expect(other.errors.split(separator: "\n").count == 1)
  }

  @Test func thePlaceIsTheNearestWorktree() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)
    let inside = place + "/src/deep"
    try FileManager.default.createDirectory(
      atPath: inside, withIntermediateDirectories: true)
    #expect(try fixture.claim("web", in: inside) == port)
    #expect(try fixture.claim("web", "--at", place, in: "/") == port)
    #expect(try fixture.claim("web", "--at", ".", in: inside) != port)
  }

  /// Without options, the parser is not asked.
  @Test(arguments: [
    ["web"], ["db", "web"], ["web", "web"], ["WEB"], ["web", "8x"], ["80"],
    [""], ["web", "no such"], ["-1"],
  ])
  func theParserMakesNoDifference(names: [String]) throws {
    let place = try fixture.place("a")
    _ = try fixture.claim("web", "db", in: place)
    let plain = try fixture.portpicker(in: place, ["name"] + names).run()
    let parsed = try fixture.portpicker(
      in: place, ["name", "--timeout", "5", "--"] + names
    ).run()
    #expect(plain.status == parsed.status)
    #expect(plain.output == parsed.output)
    #expect(plain.errors == parsed.errors)
    let isName = names.allSatisfy { $0 == "web" || $0 == "db" }
    #expect(plain.status == (isName ? 0 : 64))
  }

  @Test func aNameThatTheManifestLacksIsSaid() throws {
    let place = try fixture.place("a", manifest: "web\n")
    #expect(try fixture.claim("web", in: place).count == 1)
    let other = try fixture.run(
      in: place, "name", "--pool", fixture.pool, "extra")
    #expect(other.status == 0)
    #expect(Int(other.output.dropLast()) != nil)
    #expect(other.errors.hasPrefix("portpicker: "))
    #expect(other.errors.contains("extra"))
    #expect(other.errors.split(separator: "\n").count == 1)
  }

  @Test func aPreferredPortIsTheMainCheckouts() throws {
    let port = try unusedTestPort()
    let manifest = "web prefer=\(port)\n"
    let main = try fixture.place("main", manifest: manifest)
    let linked = try fixture.place(
      "linked", manifest: manifest, isLinked: true)
    #expect(try fixture.claim("web", in: linked) != [port])
    #expect(try fixture.claim("web", in: main) == [port])
  }

  @Test func aPreferredPortThatIsTakenIsReplaced() throws {
    let port = try unusedTestPort()
    let socket = try TestSocket(
      .tcp, at: .loopbackIPv4, port: port, listening: true)
    let place = try fixture.place("a", manifest: "web prefer=\(port)\n")
    let result = try fixture.run(
      in: place, "name", "--pool", fixture.pool, "web")
    #expect(result.status == 0)
    #expect(result.output != "\(port)\n")
    #expect(result.errors.hasPrefix("portpicker: "))
    #expect(result.errors.contains("\(port)"))
    #expect(result.errors.split(separator: "\n").count == 1)
    // It is said once.
    #expect(try fixture.run(in: place, "name", "web").errors == "")
    withExtendedLifetime(socket) {}
  }

  @Test(arguments: [
    [], ["--count", "2", "web", "db"], ["--count", "0", "web"],
    ["--count", "65536", "web"], ["--count", "x", "web"], ["Web"],
    ["web", "web_2"], ["1"], ["a" + String(repeating: "b", count: 63)],
    ["--at", "/no/such/directory", "web"], ["--at", "", "web"],
    ["--at", "/dev/null", "web"], ["--pool", "x", "web"],
    ["--timeout", "0", "web"], ["--bogus", "web"],
  ])
  func whatMakesNoSenseIsSaid(arguments: [String]) throws {
    let place = try fixture.place("a")
    let result = try fixture.portpicker(in: place, ["name"] + arguments).run()
    #expect(result.status == 64)
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("portpicker: "))
    #expect(result.errors.split(separator: "\n").count == 1)
    #expect(!FileManager.default.fileExists(atPath: fixture.command.claims))
  }

  @Test func aBadManifestIsSaidWithItsLine() throws {
    let place = try fixture.place("a", manifest: "web\n\ndb prefer=x\n")
    let result = try fixture.run(in: place, "name", "web")
    #expect(result.status == 64)
    #expect(result.output == "")
    #expect(result.errors.contains(".ports"))
    #expect(result.errors.contains("3"))
    #expect(result.errors.split(separator: "\n").count == 1)
    #expect(!FileManager.default.fileExists(atPath: fixture.command.claims))
  }

  @Test func aClosedStandardOutputIsSaid() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)
    let result = try Command(
      "/bin/sh",
      [
        "-c", "cd \"$1\" && exec \"$2\" name web >&-", "sh", place,
        Command.portpickerPath,
      ], environment: fixture.command.environment
    ).run()
    #expect(result.status == 1)
    #expect(result.errors.contains("standard output"))
    #expect(try fixture.claim("web", in: place) == port)
  }
}

extension String {
  /// Whether a range such as `8000-8999` has a port.
  fileprivate func isRange(with port: UInt16) -> Bool {
    let ends = split(separator: "-").compactMap { UInt16($0) }
    return ends.count == 2 && (ends[0]...ends[1]).contains(port)
  }
}
