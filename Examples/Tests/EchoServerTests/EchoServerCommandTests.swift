import Foundation
import PortPickerTesting
import Testing

@Suite struct EchoServerCommandTests {
  /// The tool runs as a process of its own, one for each case.
  @Test(.server(echoServer, "{port}"), arguments: ["hello\n", "Grüß dich\n"])
  func echoes(_ text: String) async throws {
    let port = try #require(TestServer.current).port
    #expect(try await echo(text, from: port) == text)
  }

  @Test func aTakenPortIsAnError() async throws {
    try await withServer(echoServer, "{port}") { first in
      let second = try run(echoServer, "\(first.port)")
      #expect(second.terminationStatus == 1)
    }
  }

  @Test func aMissingPortIsAWrongArgument() throws {
    #expect(try run(echoServer).terminationStatus == 64)
  }
}

/// The tool, which is built next to the program that runs the tests.
private let echoServer = URL(filePath: "/proc/self/exe")
  .resolvingSymlinksInPath().deletingLastPathComponent()
  .appending(path: "echo-server").path

private func run(_ program: String, _ arguments: String...) throws -> Process {
  let process = Process()
  process.executableURL = URL(filePath: program)
  process.arguments = arguments
  process.standardError = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  return process
}
