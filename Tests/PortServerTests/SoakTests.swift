import Foundation
import TestSupport
import Testing

/// The promises under a load of clients that die, of a server that is killed,
/// and of others who use its ports: seen from outside by `soak`.
@Suite(.alone) struct SoakTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  /// Some 40 clients at a time on 50 ports, and a server that is killed every
  /// 300 ms.
  private func soak(server: String) throws -> Command.Result {
    let ports = try unusedTestBlock()
    return try Command(
      Command.soakPath,
      [
        "--server", server, "--state", directory.file("ledger"), "--log",
        directory.file("log"), "--seconds", "3", "--clients", "40",
        "--kill-every", "300", "--first", "\(ports.lowerBound)", "--last",
        "\(ports.upperBound)",
      ]
    ).run()
  }

  /// The figures that `soak` prints.
  private func figure(_ name: String, of result: Command.Result) -> Int? {
    result.output.split(separator: "\n")
      .first { $0.hasPrefix("\(name) ") }
      .flatMap { Int($0.dropFirst(name.count + 1)) }
  }

  @Test func noPromiseIsBroken() throws {
    let result = try soak(server: Command.portserverPath)
    #expect(result.status == 0, "\(result.errors)")
    #expect(figure("violations", of: result) == 0)
    // Each port was had many times, and the server killed.
    #expect(figure("leases", of: result) ?? 0 > 500)
    #expect(figure("restarts", of: result) ?? 0 > 2)
  }

  @Test func aBrokenPromiseIsSeen() throws {
    // A server that forgets its leases when it is killed.
    let forgetful = directory.file("forgetful")
    try """
    #!/bin/bash
    arguments=()
    while (($#)); do
      if [[ $1 == --state ]]; then shift; else arguments+=("$1"); fi
      shift
    done
    exec '\(Command.portserverPath)' --no-state "${arguments[@]}"
    """.write(toFile: forgetful, atomically: true, encoding: .utf8)
    #expect(chmod(forgetful, 0o700) == 0)
    let result = try soak(server: forgetful)
    #expect(result.status == 2)
    #expect(figure("violations", of: result) ?? 0 > 0)
    #expect(result.errors.contains("lives"))
  }
}
