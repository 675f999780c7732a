import Foundation
import TestSupport
import Testing

/// What each command says of itself; a change of that is a change of a file in
/// `Help`.
@Suite(.alone) struct HelpTests {
  private func portpicker(_ arguments: [String]) -> Command {
    Command(Command.portpickerPath, arguments)
  }

  /// The commands; the empty name is that of `portpicker` itself.
  private static let commands = [
    "", "run", "with", "return", "name", "env", "names", "forget", "status",
    "check",
    "doctor",
  ]

  @Test func allCommandsAreListed() throws {
    let lines = try portpicker(["--help"]).run().output
      .split(separator: "\n", omittingEmptySubsequences: false)
    let list = lines.drop { $0 != "SUBCOMMANDS:" }.dropFirst()
      .prefix { !$0.isEmpty }
    #expect(
      list.filter { !$0.hasPrefix("   ") }.compactMap {
        $0.split(separator: " ").first.map(String.init)
      } == Array(Self.commands.dropFirst()))
  }

  @Test(arguments: commands)
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

  @Test(arguments: commands)
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

  /// Behind `run --`, and in the place of a port, in each shell that there is.
  @Test func completionsAreThoseOfTheProgram() throws {
    let fixture = try CommandFixture()
    let port = try fixture.ports("--pool", "\(try unusedTestPort())")[0]
    let directory = try TemporaryDirectory()
    try Data().write(to: URL(filePath: directory.file("some-file")))
    try Data("listed-name\n".utf8)
      .write(to: URL(filePath: directory.file(".ports")))
    let claimed = try fixture.portpicker([
      "name", "--at", directory.path, "--pool", "\(try unusedTestPort())",
      "claimed-name",
    ]).run()
    #expect(claimed.status == 0)
    for shell in ["bash", "zsh", "fish"] where Self.has(shell) {
      let script = try portpicker(["--generate-completion-script", shell])
        .run().output
      let file = directory.file("portpicker.\(shell)")
      try Data(script.utf8).write(to: URL(filePath: file))
      for (line, word) in [
        ("portpicker ru", "run"),
        ("portpicker run --list", "--listen"),
        ("portpicker run -- readli", "readlink"),
        ("portpicker with --verb", "--verbose"),
        ("portpicker with -- readli", "readlink"),
        ("portpicker run --count 2 -- cat some-", "some-file"),
        ("portpicker check ", "\(port)"), ("portpicker return ", "\(port)"),
        ("portpicker fo", "forget"), ("portpicker name --po", "--pool"),
        ("portpicker name li", "listed-name"),
        ("portpicker name claimed-name li", "listed-name"),
        ("portpicker name cl", "claimed-name"),
        ("portpicker forget cl", "claimed-name"),
        ("portpicker check cl", "claimed-name"),
        ("portpicker check --at \(directory.path) cl", "claimed-name"),
        ("portpicker run --name li", "listed-name"),
        ("portpicker env --format ex", "export"),
      ] {
        let result = try Command(
          "/usr/bin/env", Self.completion(of: line, in: shell, with: file),
          environment: [
            "PORTPICKER_LEDGER": fixture.ledger,
            "PORTPICKER_CLAIMS": fixture.claims,
            "PATH": URL(filePath: Command.portpickerPath)
              .deletingLastPathComponent().path + ":/usr/bin:/bin",
            "D": directory.path,
          ]
        ).run()
        // zsh clears the screen below the line in front of a list of words.
        let words = result.output.replacing("\u{1B}[J", with: " ")
          .split(whereSeparator: \.isWhitespace)
        #expect(
          words.contains { $0 == word },
          "\(shell): \(line): \(result)")
      }
    }
  }

  @Test(
    .enabled(
      if: (try? Command("/usr/bin/env", ["lexgrog", "--version"]).run().status)
        == 0, "there is no lexgrog(1)"))
  func eachManPageHasANameInTheIndex() throws {
    let directory = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../share/man/man1").standardized.path
    for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
      let result = try Command(
        "/usr/bin/env", ["lexgrog", "\(directory)/\(name)"]
      ).run()
      #expect(result.status == 0)
      #expect(result.output.contains("\"\(name.dropLast(2)) - "), "\(result)")
      #expect(!result.output.contains("\"\""))
    }
  }

  private static func has(_ shell: String) -> Bool {
    (try? Command("/usr/bin/env", [shell, "-c", "true"]).run().status) == 0
  }

  /// The arguments of a program that prints what a shell completes a line with.
  private static func completion(
    of line: String, in shell: String, with file: String
  ) -> [String] {
    switch shell {
    case "bash":
      [
        "bash", "-c",
        """
        cd "$D"; source "$1"
        COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9
        read -ra COMP_WORDS <<<"$2"
        [[ $2 == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        function=$(complete -p portpicker)
        function=${function##*-F }
        ${function% *} portpicker "${COMP_WORDS[COMP_CWORD]}" \
          "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
        """, "bash", file, line,
      ]
    case "fish":
      [
        "fish", "--no-config", "-c",
        "cd $D; source $argv[1]; complete -C $argv[2] | string replace -r '\t.*' ''",
        file, line,
      ]
    default:
      // It completes only in a terminal, which zpty is.
      [
        "zsh", "-f", "-c",
        """
        zmodload zsh/zpty
        zpty z zsh -f -i
        zpty -w z "PS1= PS2= RPS1=; stty -echo; cd $D; autoload -U compinit"
        zpty -w z "compinit -u -D; source $1; compdef _portpicker portpicker"
        zpty -w z "zstyle ':completion:*' list-grouped false"
        zpty -w z "zstyle ':completion:*' verbose false; LISTMAX=10000"
        zpty -w z "print RE''ADY"
        while zpty -r z text; do [[ $text == *READY* ]] && break; done
        zpty -w -n z "$2"$'\\t'$'\\C-a'"print -r -- "$'\\n'"print DO''NE"$'\\n'
        while zpty -r z text; do
          print -r -- "$text"
          [[ $text == *DONE* ]] && break
        done
        """, "zsh", file, line,
      ]
    }
  }
}
