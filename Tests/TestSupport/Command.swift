import Foundation

/// A program that a test runs.
package struct Command: Sendable {
  package var path: String
  package var arguments: [String]
  /// The variables that are set besides the test's own; `nil` unsets one.
  package var environment: [String: String?]

  package init(
    _ path: String, _ arguments: [String] = [],
    environment: [String: String?] = [:]
  ) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
  }

  /// What a program left behind.
  package struct Result: Sendable {
    /// The exit status; for a program that a signal ended, the signal's number
    /// plus 128, as in a shell.
    package let status: Int32
    package let output: String
    package let errors: String
  }

  /// Starts the program, runs it to the end and reads what it prints.
  package func run() throws -> Result {
    try start().finish()
  }

  /// Starts the program.
  package func start() throws -> RunningCommand {
    var merged = ProcessInfo.processInfo.environment
    // What the tests are run under is not to change what they see.
    for name in [
      "PORTSERVER_ADDRESS", "PORTPICKER_REQUIRE_SERVER", "PORTPICKER_LEDGER",
    ] { merged[name] = nil }
    for (name, value) in environment { merged[name] = value }
    return try RunningCommand(path, arguments, merged)
  }
}

/// A program that runs.
package final class RunningCommand: @unchecked Sendable {
  private let process = Process()
  private let output = Pipe()
  private let errors = Pipe()

  fileprivate init(
    _ path: String, _ arguments: [String], _ environment: [String: String]
  ) throws {
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
  }

  package var pid: Int32 { process.processIdentifier }

  /// Kills the program with SIGKILL.
  package func kill() {
    Foundation.kill(pid, SIGKILL)
  }

  /// Sends the program a signal.
  package func signal(_ number: Int32) {
    Foundation.kill(pid, number)
  }

  /// The next line that the program prints; `nil` where there is none.
  package func nextLine() -> String? {
    var bytes: [UInt8] = []
    while let byte = try? output.fileHandleForReading.read(upToCount: 1)?.first
    {
      if byte == UInt8(ascii: "\n") {
        return String(decoding: bytes, as: UTF8.self)
      }
      bytes.append(byte)
    }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }

  /// Waits for the program's end.
  @discardableResult
  package func finish() throws -> Command.Result {
    let output = try self.output.fileHandleForReading.readToEnd() ?? Data()
    let errors = try self.errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let status = process.terminationStatus
    return Command.Result(
      status: process.terminationReason == .exit ? status : status + 128,
      output: String(decoding: output, as: UTF8.self),
      errors: String(decoding: errors, as: UTF8.self))
  }
}

extension Command {
  /// The `portpicker` that was built together with the tests.
  package static func portpicker(
    _ arguments: String..., environment: [String: String?] = [:]
  ) -> Command {
    Command(portpickerPath, arguments, environment: environment)
  }

  package static var portpickerPath: String {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().path + "/portpicker"
  }

  /// A program that does nothing until it is killed: a holder.
  package static let sleeper = Command("/bin/sleep", ["100000"])

  /// The Python that has the original installed, if there is one: what
  /// `scripts/test` made and named in `PORTPICKER_TEST_PYTHON`.
  package static var originalPython: String? {
    ProcessInfo.processInfo.environment["PORTPICKER_TEST_PYTHON"]
      .flatMap { $0.isEmpty ? nil : $0 }
  }
}

/// Runs something many times side by side, on threads of its own.
package func sideBySide<Value: Sendable>(
  _ count: Int, _ body: @escaping @Sendable (Int) throws -> Value
) async throws -> [Value] {
  try await withThrowingTaskGroup(of: Value.self) { group in
    for index in 0..<count {
      group.addTask {
        try await withCheckedThrowingContinuation { continuation in
          Thread.detachNewThread {
            continuation.resume(with: Swift.Result { try body(index) })
          }
        }
      }
    }
    var values: [Value] = []
    for try await value in group { values.append(value) }
    return values
  }
}
