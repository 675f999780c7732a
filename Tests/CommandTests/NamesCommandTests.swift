import Foundation
import TestSupport
import Testing

/// `portpicker names` and `portpicker forget`.
@Suite(.alone) struct NamesCommandTests {
  private let fixture: PlaceFixture

  init() throws {
    fixture = try PlaceFixture()
  }

  // MARK: - names

  @Test func namesAndWhoListens() throws {
    let place = try fixture.place("a")
    let block = try fixture.claim("block", "--count", "3", in: place)
    try fixture.write("web\napi\nlater\n", to: place + "/.ports")
    let ports = try fixture.claim("web", "api", in: place)
    let server = try fixture.server(of: "web", in: place)
    defer { server.end() }
    let foreign = try TestSocket(
      .tcp, at: .loopbackIPv4, port: ports[1], listening: true)
    // What `run` claims besides.
    let later = try fixture.claim("later", in: place)[0]
    let result = try fixture.run(in: place, "names")
    #expect(result.status == 0)
    #expect(result.errors == "")
    let rows = fixture.rows(result)
    #expect(
      rows.map { Array($0.prefix(4)) } == [
        ["web", "\(ports[0])", "\(server.pid)", "mine"],
        ["api", "\(ports[1])", "\(getpid())", "other"],
        ["later", "\(later)", "-", "-"],
        ["block", "\(block[0])-\(block[2])", "-", "-"],
      ])
    #expect(rows[0].suffix(2) == ["sleep", "100000"])
    withExtendedLifetime(foreign) {}
  }

  @Test func nothingIsClaimed() throws {
    let place = try fixture.place("a", manifest: "web\napi\n")
    let result = try fixture.run(in: place, "names")
    #expect(
      fixture.rows(result).map { $0.joined(separator: " ") }
        == ["web not claimed yet - - -", "api not claimed yet - - -"])
    #expect(!FileManager.default.fileExists(atPath: fixture.command.claims))
  }

  /// A path may contain what a terminal would act on.
  @Test func aPathCannotMoveTheCursor() throws {
    let place = try fixture.place("red\u{1B}[31m")
    _ = try fixture.claim("web", in: place)
    let result = try fixture.run(in: place, "names", "--all")
    #expect(result.output.contains("red?[31m"))
    #expect(!result.output.contains("\u{1B}"))
  }

  @Test func theUmaskTakesNothingFromTheLock() throws {
    let place = try fixture.place("a")
    let result = try Command(
      "/bin/sh",
      [
        "-c", "umask 777; exec \"$@\"", "sh", Command.portpickerPath, "name",
        "web", "--at", place, "--pool", fixture.pool,
      ], environment: fixture.command.environment
    ).run()
    #expect(result.status == 0, "\(result)")
    let lock = try #require(fixture.command.environment["PORTPICKER_CLAIMS"])
    let attributes = try FileManager.default.attributesOfItem(
      atPath: try #require(lock) + ".lock")
    #expect(attributes[.posixPermissions] as? Int == 0o600)
  }

  @Test func namesOfAllPlaces() throws {
    let places = try ["a", "b", "c"].map { try fixture.place($0) }
    let ports = try places.map { try fixture.claim("web", in: $0)[0] }
    let server = try fixture.server(of: "web", in: places[1])
    defer { server.end() }
    try FileManager.default.removeItem(atPath: places[2])
    let result = try fixture.run(in: places[0], "names", "--all")
    #expect(result.status == 0)
    let rows = fixture.rows(result)
    #expect(
      rows.map { Array($0.prefix(4)) } == [
        [places[0], "web", "\(ports[0])", "-"],
        [places[1], "web", "\(ports[1])", "\(server.pid)"],
        [places[2], "(gone)", "web", "\(ports[2])"],
      ])
    #expect(rows[1][4] == "mine")
  }

  @Test func jsonHasItsDocumentedShape() throws {
    let place = try fixture.place("a", manifest: "web\nlater\n")
    let port = try fixture.claim("web", in: place)[0]
    let socket = try TestSocket(
      .tcp, at: .loopbackIPv4, port: port, listening: true)
    let result = try fixture.run(in: place, "names", "--json")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        as? [String: [[String: Any]]])
    let names = try #require(object["names"])
    #expect(names.map { $0["name"] as? String } == ["web", "later"])
    #expect(
      Set(names[0].keys) == [
        "name", "place", "ports", "claimedAt", "goneSince", "listeners",
      ])
    #expect(names[0]["place"] as? String == place)
    #expect(names[0]["ports"] as? [Int] == [Int(port)])
    #expect(names[0]["claimedAt"] is Int)
    #expect(names[0]["goneSince"] is NSNull)
    #expect(names[1]["claimedAt"] is NSNull)
    #expect((names[1]["ports"] as? [Int])?.isEmpty == true)
    let listener = try #require(
      (names[0]["listeners"] as? [[String: Any]])?.first)
    #expect(
      Set(listener.keys) == [
        "port", "transport", "address", "pid", "uid", "user", "command",
        "directory",
        "whose",
      ])
    #expect(listener["pid"] as? Int == Int(getpid()))
    #expect(
      listener["directory"] as? String
        == FileManager.default.currentDirectoryPath)
    #expect(listener["whose"] as? String == "other")
    withExtendedLifetime(socket) {}
  }

  @Test(arguments: [
    ["names", "--all", "--at", "/"], ["names", "web"],
    ["names", "--at", "/no/such/directory"], ["forget", "Web"],
    ["forget", "--at", ""],
  ])
  func whatMakesNoSenseIsSaid(arguments: [String]) throws {
    let place = try fixture.place("a")
    let result = try fixture.portpicker(in: place, arguments).run()
    #expect(result.status == 64, "\(result)")
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("portpicker: "))
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  // MARK: - forget

  @Test func aForgottenPortIsFreeForEverybody() throws {
    let place = try fixture.place("a")
    let ports = try fixture.claim("web", "db", in: place)
    let result = try fixture.run(in: place, "forget", "web")
    #expect(result.status == 0)
    #expect(result.output == "web \(ports[0])\n")
    #expect(result.errors == "")
    #expect(
      try fixture.command.ports("--pool", "\(ports[0])") == [Int(ports[0])])
    #expect(
      fixture.rows(try fixture.run(in: place, "names")).map { $0[0] } == ["db"])
    // It was the only one.
    let again = try fixture.run(in: place, "forget", "web", "db")
    #expect(again.status == 1)
    #expect(again.output == "db \(ports[1])\n")
    #expect(again.errors.hasPrefix("portpicker: web has no port"))
    #expect(again.errors.split(separator: "\n").count == 1)
  }

  @Test func withoutANameAllAreForgotten() throws {
    let place = try fixture.place("a")
    let other = try fixture.place("b")
    let kept = try fixture.claim("web", in: other)
    let block = try fixture.claim("workers", "--count", "3", in: place)
    let web = try fixture.claim("web", in: place)[0]
    let result = try fixture.run(in: place, "forget")
    #expect(
      result.output == "web \(web)\nworkers \(block[0])-\(block[2])\n")
    #expect(result.status == 0)
    #expect(try fixture.claim("web", in: other) == kept)
    let again = try fixture.run(in: place, "forget")
    #expect(again.status == 0)
    #expect(again.output == "" && again.errors == "")
  }

  @Test func thePortsOfARemovedPlaceCanBeForgotten() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)[0]
    try FileManager.default.removeItem(atPath: place)
    let result = try fixture.run(in: "/", "forget", "--at", place)
    #expect(result.status == 0)
    #expect(result.output == "web \(port)\n")
    #expect(
      try fixture.rows(fixture.run(in: "/", "names", "--all")).isEmpty)
  }

  @Test func aPlaceThatComesBackHasItsOldPorts() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)
    try FileManager.default.removeItem(atPath: place)
    let other = try fixture.place("b")
    #expect(try fixture.claim("web", in: other) != port)
    _ = try fixture.place("a")
    #expect(try fixture.claim("web", in: place) == port)
  }
}
