import Foundation
import TestSupport
import Testing

/// The command with a ledger and claims of its own.
final class CommandFixture: Sendable {
  let directory: TemporaryDirectory
  let ledger: String
  let claims: String

  init() throws {
    directory = try TemporaryDirectory()
    ledger = directory.file("ledger")
    claims = directory.file("claims")
  }

  /// The variables that keep the command from the files of the host.
  var environment: [String: String?] {
    [
      "PORTPICKER_LEDGER": ledger, "PORTPICKER_CLAIMS": claims,
      "HOME": directory.path, "XDG_STATE_HOME": directory.file("state"),
    ]
  }

  func portpicker(
    _ arguments: [String], environment: [String: String?] = [:]
  ) -> Command {
    Command(
      Command.portpickerPath, arguments,
      environment: self.environment.merging(environment) { _, given in given })
  }

  /// Runs the command, which has to succeed in silence, and returns the ports
  /// that it prints.
  func ports(
    _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [Int] {
    let result = try portpicker(arguments).run()
    #expect(result.status == 0, sourceLocation: sourceLocation)
    #expect(result.errors == "", sourceLocation: sourceLocation)
    #expect(result.output.hasSuffix("\n"), sourceLocation: sourceLocation)
    return try result.output.split(separator: "\n").map {
      try #require(Int($0), sourceLocation: sourceLocation)
    }
  }
}
