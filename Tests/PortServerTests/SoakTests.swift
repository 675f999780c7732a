import Foundation
import TestSupport
import Testing

/// The promises under load, as `soak` sees them from outside: clients die, the server
/// is killed, and outsiders use its ports.
@Suite(.alone) struct SoakTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  /// Has clients use 50 ports until they have had 500 leases, for three seconds
  /// at least, and kills the server every 300 ms.
  ///
  /// - Parameters:
  ///   - server: The server's program.
  ///   - launcher: A program that runs `soak`, and its arguments.
  ///   - clients: How many clients there are at a time.
  ///   - arguments: Other arguments of `soak`; the last of a kind counts.
  /// - Returns: What it prints.
  /// - Throws: What the system reports.
  private func soak(
    server: String, by launcher: [String] = [], clients: Int = 40,
    _ arguments: [String] = []
  ) throws -> Command.Result {
    let ports = try unusedTestBlock()
    return try Command(
      "/usr/bin/env",
      launcher + [
        Command.soakPath,
        "--server", server, "--state", directory.file("ledger"), "--log",
        directory.file("log"), "--seconds", "3",
        "--leases", "500", "--clients", "\(clients)",
        "--kill-every", "300", "--first", "\(ports.lowerBound)", "--last",
        "\(ports.upperBound)",
      ] + arguments
    ).run()
  }

  /// The figures that `soak` prints.
  private func figure(_ name: String, of result: Command.Result) -> Int? {
    result.output.split(separator: "\n")
      .first { $0.hasPrefix("\(name) ") }
      .flatMap { Int($0.dropFirst(name.count + 1)) }
  }

  @Test func noPromiseIsBroken() throws {
    let result = try soak(
      server: Command.portserverPath, ["--restarts", "3"])
    #expect(result.status == 0, "\(result.errors)")
    #expect(figure("violations", of: result) == 0)
    // Each port was leased many times, and the server killed.
    #expect(figure("leases", of: result) ?? 0 >= 500)
    #expect(figure("restarts", of: result) ?? 0 >= 3)
  }

  @Test func hundredsOfClientsAtATimeGoThroughThePoolAgainAndAgain() throws {
    // Nobody else uses the ports, so every client can bind all of its own.
    let result = try soak(
      server: Command.portserverPath, clients: 200,
      ["--kill-every", "0", "--no-outsiders"])
    #expect(result.status == 0, "\(result.errors)")
    #expect(figure("violations", of: result) == 0)
    #expect(figure("restarts", of: result) == 0)
    #expect(figure("leases", of: result) ?? 0 >= 500)
  }

  @Test(
    .enabled(
      if: canUnshare && getuid() == 0 && Self.hasPidLimitOfNamespaces,
      "a pid namespace has no kernel.pid_max of its own here"))
  func pidsThatAreUsedAgainAtOnceAreTakenForNobodyElses() throws {
    // With 400 pids for all, each has many processes in a second.
    let result = try soak(
      server: Command.portserverPath,
      by: [
        "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh",
        "-c",
        """
        echo 400 >/proc/sys/kernel/pid_max || exit 9
        "$0" "$@"
        exit $?
        """,
      ])
    #expect(result.status == 0, "\(result.errors)")
    #expect(figure("leases", of: result) ?? 0 >= 500)
  }

  /// Whether kernel.pid_max belongs to a pid namespace, as from Linux 6.14 on;
  /// before, writing it would change the host's.
  private static let hasPidLimitOfNamespaces: Bool = {
    var name = utsname()
    uname(&name)
    let release = withUnsafeBytes(of: &name.release) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let numbers = release.split { !$0.isNumber }.prefix(2)
      .compactMap { Int($0) }
    return numbers.count == 2 && (numbers[0], numbers[1]) >= (6, 14)
  }()

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
