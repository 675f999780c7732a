import Foundation
import TestSupport
import Testing

/// `portpicker with`.
@Suite(.alone) struct WithCommandTests {
  private let fixture: PlaceFixture
  private let marked = MarkedProcesses()

  init() throws {
    fixture = try PlaceFixture()
  }

  private static let server = Command.testServerPath

  private func command(
    _ arguments: [String], in place: String? = nil
  ) -> Command {
    fixture.portpicker(
      in: place ?? fixture.command.directory.path,
      ["with", "--pool", fixture.pool] + arguments,
      environment: marked.environment)
  }

  private func run(
    _ arguments: String..., in place: String? = nil
  ) throws -> Command.Result {
    let result = try command(arguments, in: place).run()
    #expect(marked.pids == [])
    return result
  }

  @Test func serversRunWhileTheCommandDoes() throws {
    let result = try run(
      "--server", "\(Self.server) {db}", "--server",
      "bash -c 'echo > /dev/tcp/127.0.0.1/$DB_PORT; exec \"$0\" {api-2} db={db}' "
        + Self.server,
      "--", "bash", "-c",
      """
      for port in {db} {api-2}; do
        read answer < /dev/tcp/127.0.0.1/$port && echo $port $answer
      done
      echo $DB_PORT $API_2_PORT {{db}} ${HOME:+{db}}
      """)
    #expect(result.errors == "")
    #expect(result.status == 0)
    let lines = result.output.split(separator: "\n").map {
      $0.split(separator: " ")
    }
    try #require(lines.count == 3)
    #expect(lines[0][0] == lines[0][1] && lines[1][0] == lines[1][1])
    #expect(lines[0][0] != lines[1][0])
    #expect(
      lines[2] == [lines[0][0], lines[1][0], "{db}", "{db}"])
    // They are given back.
    let status = try fixture.command.portpicker(["status", "--json"]).run()
    #expect(!status.output.contains("\"port\""))
  }

  @Test(
    arguments: [
      (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137),
      (["sh", "-c", "kill -15 $$"], 143), (["true"], 0),
      (["no-such-program"], 127), (["/etc/passwd"], 126),
    ])
  func theStatusIsThatOfTheCommand(
    command: [String], status: Int
  ) throws {
    let result = try self.command(
      ["--server", "\(Self.server) {web}", "--"] + command
    ).run()
    #expect(Int(result.status) == status)
    #expect(marked.pids == [])
    #expect(result.errors.contains("web | ready") == (status != 0))
    if status > 1, status < 126 {
      #expect(
        result.errors.hasPrefix(
          "portpicker: the output of the server web ends with:\n"))
    }
  }

  @Test func onlyTheLastLinesAreShown() throws {
    let result = try run(
      "--server", "\(Self.server) {web} flood=10000000", "--", "false")
    #expect(result.status == 1)
    let lines = result.errors.split(separator: "\n")
    #expect(lines.count == 51)
    #expect(lines.last == "web | ending")
  }

  @Test func aServerThatExitsIsNamed() throws {
    let result = try run(
      "--server", "\(Self.server) {db}", "--server",
      "\(Self.server) {api} exit=3", "--", "echo", "ran")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("portpicker: the server api ("))
    #expect(result.errors.contains("exited with status 3 before it listened"))
    #expect(result.errors.hasSuffix("; its output ends with:\napi | failing\n"))
  }

  @Test func aServerThatNeverListensIsNamed() throws {
    let result = try run(
      "--server", "\(Self.server) {api} never", "--wait", "0.1", "--", "echo",
      "ran")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.errors.contains("does not listen on port"))
    #expect(result.errors.contains("--wait"))
  }

  @Test func aServerThatDoesNotExistIsNamed() throws {
    let result = try run("--server", "no-such-server {api}", "--", "true")
    #expect(result.status == 1)
    #expect(
      result.errors.hasPrefix("portpicker: the server api (no-such-server "))
    #expect(result.errors.contains("does not exist"))
  }

  @Test func aServerThatEndsWhileTheCommandRunsIsNamed() throws {
    let result = try run(
      "--server", "sh -c 'echo $$; exec \"$0\" {web}' \(Self.server)",
      "--verbose", "--server", "\(Self.server) {db}", "--", "bash", "-c",
      """
      read answer < /dev/tcp/127.0.0.1/$WEB_PORT
      for process in /proc/[0-9]*; do
        if tr '\\0' ' ' < $process/cmdline | grep -q "test-serve[r] {web}"; then
          kill -9 ${process#/proc/}
        fi
      done 2>/dev/null
      while read answer < /dev/tcp/127.0.0.1/$WEB_PORT; do :; done 2>/dev/null
      """)
    #expect(result.status == 0)
    #expect(
      result.errors.contains(
        "was ended by signal 9 (Killed) while the command ran"))
  }

  @Test func theLastServerEndsFirst() throws {
    let result = try run(
      "--verbose", "--server", "\(Self.server) {a} slow=20", "--server",
      "\(Self.server) {b} slow=50", "--", "true")
    #expect(result.status == 0)
    #expect(
      result.errors == "a | ready\nb | ready\nb | ending\na | ending\n")
  }

  @Test func aUDPServerIsReadyWithItsSocket() throws {
    let result = try run(
      "--udp", "dns", "--server", "\(Self.server) {dns} udp", "--", "true")
    #expect(result.status == 0)
    #expect(result.errors == "")
  }

  @Test(
    arguments: [
      ([], "no program is named"), (["--", "true"], "no server is named"),
      (["--server", "web 80", "--", "true"], "names no port"),
      (
        ["--server", "web {a}", "--", "echo", "{b}"], "no server names the port"
      ),
      (["--server", "web '{a}", "--", "true"], "the quote ' is not closed"),
      (["--server", "web {a} && b", "--", "true"], "'&&' needs a shell"),
      (["--server", "", "--", "true"], "it names no program"),
      (["--server", "web {a}", "--at", "/", "--", "true"], "--at requires"),
      (["--server", "web {a}", "--udp", "b", "--", "true"], "--udp names 'b'"),
      (["--server", "web {a}", "--other", "true"], "unknown option '--other'"),
      (["--server", "web {a}", "--wait", "0", "--", "true"], "--wait"),
    ])
  func wrongArgumentsAreRefused(arguments: [String], text: String) throws {
    let result = try Command(
      Command.portpickerPath, ["with"] + arguments,
      environment: fixture.command.environment
    ).run()
    #expect(result.status == 64)
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("portpicker: "))
    #expect(result.errors.split(separator: "\n").count == 1)
    #expect(result.errors.contains(text), "\(result.errors)")
  }

  @Test func namedPortsAreThoseOfTheDirectory() throws {
    let place = try fixture.place("a", manifest: "web\nsite env=SITE\n")
    let web = try fixture.claim("web", in: place)[0]
    let arguments = [
      "--named", "--server", "\(Self.server) {web}", "--server",
      "\(Self.server) {site}", "--server", "\(Self.server) {other}", "--", "sh",
      "-c",
      "echo $WEB_PORT $SITE $SITE_PORT {other}",
    ]
    let result = try command(arguments, in: place).run()
    let words = result.output.split(whereSeparator: \.isWhitespace)
    try #require(words.count == 4, "\(result)")
    #expect(words[0] == "\(web)")
    #expect(words[1] == words[2])
    let site = try fixture.claim("site", in: place)[0]
    #expect(words[1] == "\(site)")
    #expect(marked.pids == [])
  }

  @Test func aNamedPortThatIsInUseIsAnError() throws {
    let place = try fixture.place("a")
    let web = try fixture.claim("web", in: place)[0]
    let running = try Command(Self.server, ["\(web)", "tell"]).start()
    defer { running.end() }
    #expect(try running.nextLine() == "ready")
    #expect(try running.nextLine() == "listening")
    let result = try run(
      "--named", "--server", "\(Self.server) {web}", "--", "true", in: place)
    #expect(result.status == 1)
    #expect(result.errors.contains("web (port \(web)) is in use by"))
  }

  @Test func argumentsOfTheCommandNeedNotBeText() throws {
    let result = try Command(
      "/bin/bash",
      [
        "-c",
        "\"$0\" with --pool \(fixture.pool) --server \"$1 {a}\" -- "
          + "printf '%s{a}' $'\\xff' | od -An -tx1 | head -c 3",
        Command.portpickerPath, Self.server,
      ], environment: fixture.command.environment
    ).run()
    #expect(result.output == " ff")
  }
}
