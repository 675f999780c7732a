import Foundation
import TestSupport
import Testing

/// Worktrees, and the command with a ledger, claims and a pool of its own.
final class PlaceFixture: Sendable {
  let command: CommandFixture
  /// Consecutive ports, in the form of `--pool`.
  let pool: String

  init() throws {
    command = try CommandFixture()
    let block = try Self.block.get()
    pool = "\(block.lowerBound)-\(block.upperBound)"
  }

  /// One block for all tests, which run one after the other.
  private static let block = Result { try unusedTestBlock() }

  /// Creates the root of a worktree.
  ///
  /// - Parameters:
  ///   - name: The name of the directory.
  ///   - manifest: The text of its `.ports`, if it has one.
  ///   - isLinked: Whether it is a linked worktree and not a main checkout.
  /// - Returns: Its canonical path.
  /// - Throws: The error of creating it.
  func place(
    _ name: String, manifest: String? = nil, isLinked: Bool = false
  ) throws -> String {
    let path = command.directory.file("places/\(name)")
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true)
    if isLinked {
      try Data("gitdir: /project/.git/worktrees/\(name)\n".utf8)
        .write(to: URL(filePath: path + "/.git"))
    } else {
      try FileManager.default.createDirectory(
        atPath: path + "/.git", withIntermediateDirectories: false)
    }
    if let manifest { try write(manifest, to: path + "/.ports") }
    let real = try #require(realpath(path, nil))
    defer { free(real) }
    return String(cString: real)
  }

  func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
  }

  func read(_ path: String) throws -> String {
    try String(contentsOf: URL(filePath: path), encoding: .utf8)
  }

  /// The command, as it is called in a directory.
  func portpicker(
    in directory: String, _ arguments: [String],
    environment: [String: String?] = [:]
  ) -> Command {
    Command(
      "/bin/sh",
      [
        "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", directory,
        Command.portpickerPath,
      ] + arguments,
      environment: command.environment.merging(environment) { _, given in given
      })
  }

  func run(
    in directory: String, _ arguments: String...,
    environment: [String: String?] = [:]
  ) throws -> Command.Result {
    try portpicker(in: directory, arguments, environment: environment).run()
  }

  /// Claims names, in silence, and returns the ports that the command prints.
  func claim(
    _ arguments: String..., in directory: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [UInt16] {
    let result = try portpicker(
      in: directory, ["name", "--pool", pool] + arguments
    ).run()
    #expect(result.status == 0, "\(result)", sourceLocation: sourceLocation)
    #expect(result.errors == "", sourceLocation: sourceLocation)
    return try result.output.split(separator: "\n").map {
      try #require(UInt16($0), sourceLocation: sourceLocation)
    }
  }

  /// Starts a program in a directory that listens on the port of a name there.
  ///
  /// It runs until it is ended.
  func server(
    of name: String, in directory: String
  ) throws -> RunningCommand {
    let process = try portpicker(
      in: directory,
      [
        "run", "--pool", pool, "--name", name, "--listen", "--", "sh", "-c",
        "echo; exec sleep 100000",
      ]
    ).start()
    _ = try process.nextLine()
    return process
  }

  /// The words of each line of a table, without the heading.
  func rows(_ result: Command.Result) -> [[String]] {
    result.output.split(separator: "\n").dropFirst().map {
      $0.split(separator: " ").map { String($0) }
    }
  }
}
