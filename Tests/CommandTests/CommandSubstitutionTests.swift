import Foundation
import TestSupport
import Testing

/// The process that a port is for if none is named.
@Suite(.alone) struct CommandSubstitutionTests {
  private let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture()
  }

  private static let shells = ["bash", "dash", "zsh", "busybox sh"].filter {
    (try? Command(
      "/usr/bin/env", $0.split(separator: " ").map(String.init) + ["-c", ":"]
    )
    .run().status) == 0
  }

  /// What a script says on standard error; `$P` is the command.
  private func errors(of script: String, in shell: String) throws -> String {
    let result = try Command(
      "/usr/bin/env",
      shell.split(separator: " ").map(String.init) + ["-c", script],
      environment: [
        "PORTPICKER_LEDGER": fixture.ledger, "P": Command.portpickerPath,
      ]
    ).run()
    #expect(result.status == 0, "\(shell): \(script): \(result)")
    return result.errors
  }

  @Test(
    arguments: shells,
    [
      #"x=$($P | cat); echo $x"#, #"x=$(cd /; $P; true); echo $x"#,
      #"echo "$($P | tr -d x)"; true"#, #"x=$($P --count 2 | sort); echo $x"#,
    ])
  func aSubshellThatEndsIsSaid(shell: String, script: String) throws {
    var script = script
    // In zsh, the subshell becomes the last program of the pipeline, and may have
    // done so before it is examined.
    if shell == "zsh" { script.replace(")", with: "; true)") }
    let errors = try errors(of: script, in: shell)
    #expect(
      errors.contains("a subshell that ends with the command substitution"),
      "\(shell): \(script)")
  }

  @Test(
    arguments: shells,
    [
      #"x=$($P); echo $x"#, #"x=`$P`; echo $x"#, #"$P; true"#,
      #"x=$($P $$ | cat); echo $x"#, #"$P | cat"#, #"$P >/dev/null; true"#,
      #"(x=$($P); echo $x; true)"#, #"(x=$($P); echo $x; true) | cat"#,
      #"y=$(x=$($P); echo $x; true); echo $y"#, #"x=$($P 2>&1); echo $x"#,
      #"f() { x=$($P); echo $x; }; f"#,
    ])
  func nothingIsSaidOfAShellThatGoesOn(shell: String, script: String) throws {
    #expect(try errors(of: script, in: shell) == "", "\(shell): \(script)")
  }
}
