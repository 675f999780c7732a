import Foundation
import TestSupport
import Testing

/// What `portpicker doctor` says of names.
@Suite(.alone) struct DoctorNamesTests {
  private let fixture: PlaceFixture

  init() throws {
    fixture = try PlaceFixture()
  }

  /// What it finds in a place about names and manifests.
  private func doctor(
    in place: String, _ arguments: String...,
    environment: [String: String?] = [:]
  ) throws -> (status: Int32, lines: [String]) {
    let result = try fixture.portpicker(
      in: place, ["doctor"] + arguments, environment: environment
    ).run()
    #expect(result.errors == "")
    return (result.status, result.findings)
  }

  @Test func whereAllIsWell() throws {
    let place = try fixture.place("a", manifest: "web\ndb\n")
    _ = try fixture.claim("web", in: place)
    let (status, lines) = try doctor(
      in: place, "--pool", "\(try unusedTestPort())")
    #expect(status == 0, "\(lines)")
    #expect(
      has(lines, "ok names", fixture.command.claims, "1 name in 1 directory"))
    #expect(has(lines, "ok manifest \(place)/.ports", "2 names"))
    #expect(!has(lines, "note names "))
    #expect(!has(lines, "note manifest "))
  }

  @Test func placesThatAreGone() throws {
    let place = try fixture.place("a")
    for name in ["b", "c"] {
      let gone = try fixture.place(name)
      _ = try fixture.claim("web", "db", in: gone)
      try FileManager.default.removeItem(atPath: gone)
    }
    let (status, lines) = try doctor(in: place)
    #expect(status == 0, "\(lines)")
    #expect(
      has(lines, "note names", "4 names", "places/b and 1 more", "forget"))
  }

  @Test func linesThatCannotBeRead() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)[0]
    let blocked = try unusedTestPort()
    let text = try fixture.read(fixture.command.claims)
    try fixture.write(
      text + "\(blocked) 1 what is this\nnonsense\n",
      to: fixture.command.claims)
    let (status, lines) = try doctor(in: place)
    #expect(status == 1)
    let number = text.split(
      separator: "\n", omittingEmptySubsequences: false
    ).count
    #expect(
      has(
        lines,
        "problem names \(fixture.command.claims), line \(number), cannot",
        "port \(blocked)"))
    #expect(
      has(
        lines,
        "problem names \(fixture.command.claims), line \(number + 1), cannot"))
    #expect(try fixture.claim("web", in: place) == [port])
  }

  @Test func aFileThatCannotBeUsed() throws {
    let place = try fixture.place("a")
    // A new ledger would need it, too.
    _ = try doctor(in: place)
    let (status, lines) = try doctor(
      in: place,
      environment: ["PORTPICKER_CLAIMS": fixture.command.directory.path])
    #expect(status == 1)
    #expect(has(lines, "problem names", fixture.command.directory.path))
    let (other, found) = try doctor(
      in: place, environment: ["PORTPICKER_CLAIMS": "relative"])
    #expect(other == 1)
    #expect(has(found, "problem names", "PORTPICKER_CLAIMS"))
  }

  @Test func aManifestThatCannotBeRead() throws {
    let place = try fixture.place("a", manifest: "web\nDB\n")
    let (status, lines) = try doctor(in: place)
    #expect(status == 1)
    #expect(has(lines, "problem manifest", "\(place)/.ports", "2", "DB"))
  }

  @Test func preferredPortsThatOthersHave() throws {
    let ports = try (0..<3).map { _ in try unusedTestPort() }
    let owner = try fixture.place("owner", manifest: "old prefer=\(ports[0])\n")
    #expect(try fixture.claim("old", in: owner) == [ports[0]])
    let socket = try TestSocket(
      .tcp, at: .loopbackIPv4, port: ports[1], listening: true)
    let manifest =
      "web prefer=\(ports[0])\napi prefer=\(ports[1])\ndb prefer=\(ports[2])\n"
    let place = try fixture.place("a", manifest: manifest)
    let own = try #require(
      UInt16(
        fixture.run(in: place, "name", "--pool", fixture.pool, "web")
          .output.dropLast()))
    let (status, lines) = try doctor(in: place)
    #expect(status == 0, "\(lines)")
    #expect(
      has(
        lines, "note manifest web prefers port \(ports[0])",
        "the name old of \(owner)", "it has \(own)"))
    #expect(
      has(
        lines, "note manifest api prefers port \(ports[1])",
        "pid \(getpid())"))
    #expect(!has(lines, "note manifest db"))
    withExtendedLifetime(socket) {}
    // A linked worktree does not get them anyway.
    let linked = try fixture.place("b", manifest: manifest, isLinked: true)
    #expect(!has(try doctor(in: linked).lines, "note manifest"))
  }

  @Test func aPreferredPortThatIsAvailableAgain() throws {
    let port = try unusedTestPort()
    let place = try fixture.place("a")
    let own = try fixture.claim("web", in: place)[0]
    try fixture.write("web prefer=\(port)\n", to: place + "/.ports")
    #expect(
      has(
        try doctor(in: place).lines, "note manifest web prefers port \(port)",
        "nobody has", "it has \(own)", "portpicker forget web"))
  }

  @Test func poolsThatOverlap() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)[0]
    let server = try RunningServer(pool: "\(port)")
    defer { server.end() }
    // Any server on this host, and the one that is named.
    for arguments in [[], ["--server", server.address]] {
      let result = try fixture.portpicker(
        in: place, ["doctor"] + arguments
      ).run()
      #expect(result.status == 1)
      let lines = result.findings
      let found = lines.filter {
        $0.hasPrefix("problem pool (names)")
          && $0.contains(" leases \(port), which names have")
      }
      #expect(found.count == 1, "\(lines)")
      #expect(
        found.first?.contains(
          arguments.isEmpty
            ? "process \(server.process.pid), " : "at \(server.address) ")
          == true)
    }
    #expect(
      has(
        try doctor(in: place, "--pool", "\(port)").lines,
        "note pool (names)", "\(port)"))
  }
}
