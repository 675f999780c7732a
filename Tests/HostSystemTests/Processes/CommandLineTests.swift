import CTestSupport
import HostSystem
import TestSupport
import Testing

/// The command line and name of a process, in the form for a log.
@Suite(.alone) struct CommandLineTests {
  private static let start = "/bin/sh -c kill -STOP $$ "

  /// The command line of a program with some arguments, starting at the arguments.
  private func commandLine(withArguments arguments: String...) throws -> String
  {
    let process = try Command(
      "/bin/sh", ["-c", "kill -STOP $$"] + arguments
    ).start()
    defer {
      process.kill()
      _ = try? process.finish()
    }
    // A program that is being started has no arguments yet.
    var status: Int32 = 0
    try systemCall { waitpid(process.pid, &status, WUNTRACED) }
    let line = HostSystem.commandLine(ofProcess: process.pid)
    #expect(line.hasPrefix(Self.start))
    return String(line.dropFirst(Self.start.count))
  }

  @Test func argumentsStandInOneLine() throws {
    #expect(try commandLine(withArguments: "a", "b c", "é漢") == "a b c é漢")
  }

  @Test(arguments: [
    "\n", "\r", "\t", "\u{1B}", "\u{7}", "\u{7F}", "\u{85}", "\u{9B}",
    "\u{200E}", "\u{202E}", "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{AD}",
  ])
  func whatControlsWhereItIsReadIsReplaced(text: String) throws {
    #expect(try commandLine(withArguments: "a\(text)b") == "a?b")
  }

  @Test func everyCharacterIsReplacedByItself() throws {
    #expect(
      try commandLine(withArguments: "\u{1B}[2J\r\n\u{1B}]0;x\u{7}")
        == "?[2J???]0;x?")
  }

  @Test func aLongOneIsCut() throws {
    let long = String(repeating: "漢", count: 10_000)
    #expect(
      try commandLine(withArguments: long)
        == String(repeating: "漢", count: 256 - Self.start.count))
  }

  @Test(arguments: [-1, 0, .max] as [Int32])
  func whatIsNoProcessHasNone(pid: Int32) {
    #expect(HostSystem.commandLine(ofProcess: pid) == "?")
  }

  @Test func aProcessThatHasEndedHasNone() async {
    await #expect(processExitsWith: .success) {
      let zombie = cts_start_zombie()
      try #require(zombie > 0)
      #expect(HostSystem.commandLine(ofProcess: zombie) == "?")
      cts_end(zombie)
      #expect(HostSystem.commandLine(ofProcess: zombie) == "?")
    }
  }
}
