import Foundation
import PortPicker
import TestSupport
import Testing

@testable import PortPickerCommand

struct EnvironmentFormatTests {
  private let variables: NamedPortVariables

  init() throws {
    variables = try NamedPortVariables(
      [
        NamedPort(name: "web", ports: [3000], place: "/a", claimedAt: 0),
        NamedPort(name: "db", ports: [7, 8], place: "/a", claimedAt: 0),
      ], manifest: nil)
  }

  @Test(arguments: [EnvironmentFormat.dotenv, .github])
  func `Assignments, one a line`(_ format: EnvironmentFormat) {
    #expect(
      format.text(variables, manifest: "/a/.ports") == """
        WEB_PORT=3000
        DB_PORT=7
        DB_PORT_1=7
        DB_PORT_2=8
        DB_PORT_COUNT=2

        """)
  }

  @Test
  func `Exports`() {
    let text = EnvironmentFormat.export.text(variables, manifest: "/a/.ports")
    #expect(text.hasPrefix("export WEB_PORT=3000\nexport DB_PORT=7\n"))
    #expect(text.hasSuffix("export DB_PORT_COUNT=2\n"))
  }

  @Test
  func `JSON has numbers`() throws {
    let text = EnvironmentFormat.json.text(variables, manifest: "/a/.ports")
    #expect(
      text == """
        {
          "WEB_PORT": 3000,
          "DB_PORT": 7,
          "DB_PORT_1": 7,
          "DB_PORT_2": 8,
          "DB_PORT_COUNT": 2
        }

        """)
    let none = try NamedPortVariables([], manifest: nil)
    #expect(EnvironmentFormat.json.text(none, manifest: "/a") == "{}\n")
    #expect(EnvironmentFormat.dotenv.text(none, manifest: "/a") == "")
  }

  @Test
  func `direnv watches the manifest`() {
    let text = EnvironmentFormat.direnv.text(
      variables, manifest: "/a b/.ports")
    #expect(
      text.hasPrefix("watch_file '/a b/.ports'\nexport WEB_PORT=3000\n"))
  }

  @Test(
    .alone,
    arguments: [
      "/a/b_c.d-e/.ports", "/a b", "/a'b''", "'", "/$HOME`id`\"\\!*?", "/é",
      // A combining mark after a quote.
      "/'\u{301};echo x", "-n", "~", "a=b", "#", "", "/a\tb;&|<>(){}[]",
    ])
  func `A shell reads a quoted text as one word`(_ text: String) throws {
    let result = try Command(
      "/bin/sh", ["-c", "printf '%s' \(shellQuoted(text))"]
    ).run()
    #expect(result.output.utf8.elementsEqual(text.utf8))
    #expect(result.status == 0 && result.errors == "")
  }
}
