import Foundation
import TestSupport
import Testing

/// What each command says of itself; a change of that is a change of a file in
/// `Help`.
@Suite(.alone) struct HelpTests {
  private func portpicker(_ arguments: [String]) -> Command {
    Command(Command.portpickerPath, arguments)
  }

  @Test(arguments: ["", "run", "return", "status", "check", "doctor"])
  func helpIsAsItIsWrittenDown(name: String) throws {
    let arguments = name.isEmpty ? [] : [name]
    let help = try portpicker(arguments + ["--help"]).run()
    #expect(help.status == 0)
    #expect(help.errors == "")
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Help/\(name.isEmpty ? "portpicker" : name).txt")
    #expect(help.output == (try String(contentsOf: file, encoding: .utf8)))
    // The other ways to ask for it.
    let other = try portpicker(["help"] + arguments).run()
    #expect(other.output == help.output)
    #expect(
      try portpicker(arguments + ["-h"]).run().output == help.output)
  }

  @Test(arguments: ["", "run", "return", "status", "check", "doctor"])
  func eachCommandSaysItsVersion(name: String) throws {
    let arguments = name.isEmpty ? [] : [name]
    let result = try portpicker(arguments + ["--version"]).run()
    #expect(result.status == 0)
    #expect(result.output == "portpicker 0.1.0\n")
  }

  /// The words that can follow, as bash finds them.
  @Test(arguments: [
    ("portpicker ", "check"), ("portpicker ru", "run"),
    ("portpicker check --wa", "--wait-listening"),
    ("portpicker status --", "--watch"),
  ])
  func completionsAreOffered(line: String, word: String) throws {
    let script = try portpicker([
      "--generate-completion-script", "bash",
    ])
    .run().output
    let result = try Command(
      "/usr/bin/env",
      [
        "bash", "-c",
        """
        source /dev/stdin <<<"$1"
        COMP_LINE=$2 COMP_POINT=${#2}
        read -ra COMP_WORDS <<<"$2"
        [[ $2 == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _portpicker portpicker "${COMP_WORDS[COMP_CWORD]}" \
          "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
        """, "bash", script, line,
      ]
    ).run()
    #expect(
      result.output.split(separator: "\n").contains { $0 == word },
      "\(result)")
  }
}
