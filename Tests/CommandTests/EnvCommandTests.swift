import Foundation
import TestSupport
import Testing

/// `portpicker env`.
@Suite(.alone) struct EnvCommandTests {
  private let fixture: PlaceFixture
  private let manifest = """
    web      env=PORT   # the site
    api
    workers  count=2

    """

  init() throws {
    fixture = try PlaceFixture()
  }

  private func env(
    in place: String, _ arguments: String...,
    environment: [String: String?] = [:]
  ) throws -> Command.Result {
    try fixture.portpicker(
      in: place, ["env", "--pool", fixture.pool] + arguments,
      environment: environment
    ).run()
  }

  @Test func theNamesOfTheManifestAreClaimedInItsOrder() throws {
    let place = try fixture.place("a", manifest: manifest)
    let result = try env(in: place)
    #expect(result.status == 0)
    #expect(result.errors == "")
    let ports = try fixture.claim("web", "api", "workers", in: place)
    #expect(
      result.output == """
        PORT=\(ports[0])
        API_PORT=\(ports[1])
        WORKERS_PORT=\(ports[2])
        WORKERS_PORT_1=\(ports[2])
        WORKERS_PORT_2=\(ports[3])
        WORKERS_PORT_COUNT=2

        """)
  }

  @Test func otherFormats() throws {
    let place = try fixture.place("a", manifest: "web env=PORT\napi\n")
    let ports = try fixture.claim("web", "api", in: place)
    #expect(
      try env(in: place, "--format", "dotenv").output
        == "PORT=\(ports[0])\nAPI_PORT=\(ports[1])\n")
    #expect(
      try env(in: place, "--format", "export").output
        == "export PORT=\(ports[0])\nexport API_PORT=\(ports[1])\n")
    let json = try env(in: place, "--format", "json").output
    #expect(json.hasSuffix("}\n"))
    #expect(
      try JSONSerialization.jsonObject(with: Data(json.utf8))
        as? [String: Int] == ["PORT": Int(ports[0]), "API_PORT": Int(ports[1])])
    let direnv = try env(in: place, "--format", "direnv").output
    #expect(direnv.hasSuffix("export API_PORT=\(ports[1])\n"))
    #expect(direnv.contains("watch_file \(place)/.ports\n"))
  }

  @Test func aShellCanEvaluateIt() throws {
    let place = try fixture.place("a", manifest: "web\n")
    let port = try fixture.claim("web", in: place)[0]
    let result = try Command(
      "/bin/sh",
      [
        "-c",
        "cd \"$1\"; eval \"$(\"$2\" env --format export)\"; echo $WEB_PORT",
        "sh", place, Command.portpickerPath,
      ], environment: fixture.command.environment
    ).run()
    #expect(result.output == "\(port)\n")
  }

  @Test func theFileOfAWorkflowIsAppendedTo() throws {
    let place = try fixture.place("a", manifest: "web\n")
    let port = try fixture.claim("web", in: place)[0]
    let file = fixture.command.directory.file("github")
    try fixture.write("A=1\nB=2", to: file)
    let result = try env(
      in: place, "--format", "github", environment: ["GITHUB_ENV": file])
    #expect(result.status == 0)
    #expect(result.output == "" && result.errors == "")
    #expect(try fixture.read(file) == "A=1\nB=2\nWEB_PORT=\(port)\n")
    _ = try env(
      in: place, "--format", "github", environment: ["GITHUB_ENV": file])
    #expect(
      try fixture.read(file)
        == "A=1\nB=2\nWEB_PORT=\(port)\nWEB_PORT=\(port)\n")
    let unset = try env(
      in: place, "--format", "github", environment: ["GITHUB_ENV": nil])
    #expect(unset.status == 64)
    #expect(unset.errors.contains("GITHUB_ENV is not set"))
    let missing = try env(
      in: place, "--format", "github",
      environment: ["GITHUB_ENV": "/no/such/directory/file"])
    #expect(missing.status == 1)
    #expect(missing.errors.contains("/no/such/directory/file"))
  }

  @Test func onlyItsOwnBlockOfAFileChanges() throws {
    let place = try fixture.place("a", manifest: "web\n")
    let port = try fixture.claim("web", in: place)[0]
    let file = place + "/.env"
    try fixture.write("SECRET=x\n", to: file)
    let result = try env(in: place, "--write", ".env")
    #expect(result.status == 0)
    #expect(result.output == "" && result.errors == "")
    let text = try fixture.read(file)
    #expect(text.hasPrefix("SECRET=x\n"))
    #expect(text.contains("\nWEB_PORT=\(port)\n"))
    try fixture.write("web\napi\n", to: place + "/.ports")
    try fixture.write(text + "LAST=y\n", to: file)
    #expect(try env(in: place, "--write", file).status == 0)
    let api = try fixture.claim("api", in: place)[0]
    #expect(
      try fixture.read(file)
        == text.replacing(
          "WEB_PORT=\(port)\n", with: "WEB_PORT=\(port)\nAPI_PORT=\(api)\n")
        + "LAST=y\n")
  }

  @Test func withoutAManifestItIsWhatThePlaceHas() throws {
    let place = try fixture.place("a")
    let empty = try env(in: place)
    #expect(empty.status == 1)
    #expect(empty.output == "")
    #expect(empty.errors.contains("portpicker name web"))
    #expect(empty.errors.split(separator: "\n").count == 1)
    let ports = try fixture.claim("web", "db-2", in: place)
    let result = try env(in: place)
    #expect(result.errors == "")
    #expect(
      result.output == "DB_2_PORT=\(ports[1])\nWEB_PORT=\(ports[0])\n")
    let without = try fixture.place("b", manifest: "# nothing yet\n")
    #expect(try env(in: without).status == 1)
  }

  @Test func everyShellPrintsTheSame() throws {
    let place = try fixture.place("a", manifest: manifest)
    let first = try env(in: place).output
    func same() throws {
      for directory in [place, place + "/.git"] {
        for _ in 0..<2 {
          let result = try fixture.run(in: directory, "env")
          #expect(result.output == first)
          #expect(result.errors == "")
        }
      }
      #expect(try fixture.run(in: "/", "env", "--at", place).output == first)
    }
    try same()
    let servers = try ["web", "api", "workers"].map {
      try fixture.server(of: $0, in: place)
    }
    defer { for server in servers { server.end() } }
    try same()
    for server in servers { server.end() }
    try same()
  }

  @Test func shellsThatAreFirstAtOnceAgree() async throws {
    let place = try fixture.place("a", manifest: manifest)
    let fixture = fixture
    let outputs = try await sideBySide(8) { _ in
      try fixture.portpicker(in: place, ["env", "--pool", fixture.pool]).run()
    }
    #expect(Set(outputs.map(\.output)).count == 1)
    #expect(outputs.allSatisfy { $0.status == 0 && $0.errors == "" })
  }

  @Test(arguments: [
    ["--format", "yaml"], ["--format", ""],
    ["--format", "json", "--write", ".env"],
    ["--format", "github", "--write", ".env"], ["web"],
    ["--at", "/no/such/directory"], ["--write", ""],
  ])
  func whatMakesNoSenseIsSaid(arguments: [String]) throws {
    let place = try fixture.place("a", manifest: "web\n")
    let result = try fixture.portpicker(
      in: place, ["env", "--pool", fixture.pool] + arguments
    ).run()
    #expect(result.status == 64, "\(result)")
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("portpicker: "))
    #expect(result.errors.split(separator: "\n").count == 1)
  }
}
