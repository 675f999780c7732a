import Foundation
import TestSupport
import Testing

/// `portpicker check` with names, and `portpicker check --mine`.
@Suite(.alone) struct CheckNamesTests {
  private let fixture: PlaceFixture

  init() throws {
    fixture = try PlaceFixture()
  }

  @Test func aNameStandsForItsPorts() throws {
    let place = try fixture.place("a")
    let web = try fixture.claim("web", in: place)[0]
    let block = try fixture.claim("workers", "--count", "2", in: place)
    let result = try fixture.run(
      in: place, "check", "web", "workers", "\(try unusedTestPort())")
    #expect(result.status == 0)
    let rows = fixture.rows(result)
    #expect(rows.contains { $0 == ["\(web)", "tcp", "free"] })
    #expect(rows.contains { $0 == ["\(web)", "name", "web", place] })
    for port in block {
      #expect(rows.contains { $0 == ["\(port)", "udp", "free"] })
      #expect(rows.contains { $0 == ["\(port)", "name", "workers", place] })
    }
    // From elsewhere, too.
    #expect(
      try fixture.run(in: "/", "check", "--at", place, "web").output.contains(
        "\(web)"))
    let number = try fixture.run(in: "/", "check", "\(web)")
    #expect(fixture.rows(number).last == ["\(web)", "name", "web", place])
  }

  @Test func aNameThatHasNoPortIsSaid() throws {
    let place = try fixture.place("a", manifest: "web\n")
    let result = try fixture.run(in: place, "check", "web")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("portpicker: web has no port here"))
    #expect(result.errors.split(separator: "\n").count == 1)
    #expect(!FileManager.default.fileExists(atPath: fixture.command.claims))
  }

  @Test func itWaitsForTheServerOfAName() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)[0]
    let late = try fixture.run(
      in: place, "check", "--quiet", "--wait-listening", "0.05", "web")
    #expect(late.status == 1)
    #expect(
      late.errors
        == "portpicker: nothing listens on port \(port) (web) after 0.05 seconds\n"
    )
    let process = try fixture.portpicker(
      in: place,
      ["check", "--mine", "--quiet", "--wait-listening", "60", "web"]
    ).start()
    let server = try fixture.server(of: "web", in: place)
    defer { server.end() }
    let result = try process.finish()
    #expect(result.status == 0)
    #expect(result.output == "" && result.errors == "")
  }

  // MARK: - --mine

  @Test func aServerOfThePlaceIsMine() throws {
    let place = try fixture.place("a")
    let server = try fixture.server(of: "web", in: place)
    defer { server.end() }
    let port = try fixture.claim("web", in: place)[0]
    for argument in ["web", "\(port)"] {
      let result = try fixture.run(in: place, "check", "--mine", argument)
      #expect(result.status == 0)
      #expect(result.errors == "")
      #expect(
        fixture.rows(result).first?.prefix(5) == [
          "\(port)", argument == "web" ? "web" : "-", "\(server.pid)",
          userName(), "mine",
        ])
    }
    // Of another place, it is not.
    let other = try fixture.place("b")
    let result = try fixture.run(in: other, "check", "--mine", "\(port)")
    #expect(result.status == 1)
    #expect(fixture.rows(result).first?[4] == "other")
    #expect(result.errors.contains("pid \(server.pid) "))
    #expect(result.errors.contains(" in \(place) listens"))
    #expect(result.errors.hasSuffix(" and belongs to \(place)\n"))
  }

  @Test func whereNothingListensNothingIsMine() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)[0]
    let result = try fixture.run(in: place, "check", "--mine", "web")
    #expect(result.status == 1)
    #expect(
      result.errors
        == "portpicker: nothing listens on port \(port) (web)\n")
    // It is bound, and does not listen.
    let bound = try TestSocket(.tcp, at: .loopbackIPv4, port: port)
    #expect(
      try fixture.run(in: place, "check", "--mine", "--quiet", "web").status
        == 1)
    withExtendedLifetime(bound) {}
  }

  @Test func allOfThemMustBeMine() throws {
    let place = try fixture.place("a")
    let ports = try fixture.claim("web", "db", in: place)
    let server = try fixture.server(of: "web", in: place)
    defer { server.end() }
    let foreign = try TestSocket(
      .tcp, at: .loopbackIPv6, port: ports[1], listening: true)
    let result = try fixture.run(
      in: place, "check", "--mine", "--json", "web", "db")
    #expect(result.status == 1)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        as? [String: [[String: Any]]])
    let entries = try #require(object["ports"])
    #expect(entries.map { $0["mine"] as? Bool } == [true, false])
    #expect(entries.map { $0["name"] as? String } == ["web", "db"])
    #expect(Set(entries[0].keys) == ["port", "name", "mine", "listeners"])
    let listener = try #require(
      (entries[1]["listeners"] as? [[String: Any]])?.first)
    #expect(listener["whose"] as? String == "other")
    #expect(listener["pid"] as? Int == Int(getpid()))
    withExtendedLifetime(foreign) {}
  }

  @Test func aDatagramServerCanBeMine() throws {
    let place = try fixture.place("a")
    let port = try fixture.claim("web", in: place)[0]
    let socket = try TestSocket(.udp, at: .loopbackIPv4, port: port)
    let result = try fixture.run(
      in: place, "check", "--mine", "--udp", "--wait-listening", "60", "web")
    #expect(result.status == 1)
    #expect(fixture.rows(result).first?[4] == "other")
    withExtendedLifetime(socket) {}
  }

  @Test(.enabled(if: canBeNobody, "needs root, and setpriv(1)"))
  func whatCannotBeSeenIsNotMine() throws {
    let port = try unusedTestPort()
    let socket = try TestSocket(
      .tcp, at: .loopbackIPv4, port: port, listening: true)
    // In a directory that contains every other.
    let result = try Command(
      "/usr/bin/env",
      [
        "setpriv", "--reuid=65534", "--clear-groups", Command.portpickerPath,
        "check", "--mine", "--at", "/", "\(port)",
      ]
    ).run()
    #expect(result.status == 1)
    #expect(fixture.rows(result).first?[4] == "unknown", "\(result)")
    #expect(result.errors.contains("may not belong to /"))
    withExtendedLifetime(socket) {}
  }

  private static let canBeNobody =
    geteuid() == 0
    && (try? Command(
      "/usr/bin/env",
      [
        "setpriv", "--reuid=65534", "--clear-groups", Command.portpickerPath,
        "--version",
      ]
    ).run().status) == 0

  private func userName() -> String {
    (getpwuid(geteuid())?.pointee.pw_name).map { String(cString: $0) }
      ?? "\(geteuid())"
  }

  @Test(arguments: [
    ["Web"], ["web_2"], ["--mine", "--wait", "1", "web"], ["--mine"],
    ["--at", "/", "80"], ["--at", "/no/such/directory", "web"],
    ["--mine", "--json", "--quiet", "web"], ["--mine", "--udp", "web"],
  ])
  func whatMakesNoSenseIsSaid(arguments: [String]) throws {
    let place = try fixture.place("a")
    let result = try fixture.portpicker(in: place, ["check"] + arguments).run()
    #expect(result.status == 64, "\(result)")
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("portpicker: "))
    #expect(result.errors.split(separator: "\n").count == 1)
  }
}
