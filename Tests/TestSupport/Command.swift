import CTestSupport
import Foundation
import Glibc
import Synchronization

/// A program that a test runs.
package struct Command: Sendable {
  package var path: String
  package var arguments: [String]
  /// Variables to set besides the test's own; `nil` unsets one.
  package var environment: [String: String?]

  package init(
    _ path: String, _ arguments: [String] = [],
    environment: [String: String?] = [:]
  ) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
  }

  /// The result of a program.
  package struct Result: Sendable {
    /// The exit status, or 128 plus the number of the signal that ended the program.
    package let status: Int32
    package let output: String
    package let errors: String
  }

  /// Starts the program, reads its output, and waits until it ends.
  package func run() throws -> Result {
    try start().finish()
  }

  /// Starts the program.
  package func start() throws -> RunningCommand {
    var merged = ProcessInfo.processInfo.environment
    // The environment of the tests must not affect their results.
    for name in [
      "PORTSERVER_ADDRESS", "PORTPICKER_REQUIRE_SERVER", "PORTPICKER_LEDGER",
    ] { merged[name] = nil }
    // Named ports of this host's user are none of the tests'.
    merged["PORTPICKER_CLAIMS"] = "/nonexistent/claims"
    for (name, value) in environment { merged[name] = value }
    return try RunningCommand(path, arguments, merged)
  }
}

/// A running program.
package final class RunningCommand: @unchecked Sendable {
  package let pid: Int32
  private let output: FileHandle
  private let errors: FileHandle
  /// Whether the program is reaped.
  ///
  /// Afterwards, another process may have its pid.
  private let isReaped = Atomic(false)

  fileprivate init(
    _ path: String, _ arguments: [String], _ environment: [String: String]
  ) throws {
    var output: Int32 = -1
    var errors: Int32 = -1
    pid = withCStrings([path] + arguments) { arguments in
      withCStrings(environment.map { "\($0)=\($1)" }) { environment in
        cts_start(path, arguments, environment, &output, &errors)
      }
    }
    guard pid > 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    self.output = FileHandle(fileDescriptor: output, closeOnDealloc: true)
    self.errors = FileHandle(fileDescriptor: errors, closeOnDealloc: true)
  }

  /// Kills the program with SIGKILL.
  package func kill() {
    signal(SIGKILL)
  }

  /// Sends the program a signal, unless ``finish()`` has reaped it.
  package func signal(_ number: Int32) {
    if !isReaped.load(ordering: .acquiring) { Glibc.kill(pid, number) }
  }

  /// Kills and reaps the program, unless ``finish()`` has reaped it.
  package func end() {
    if isReaped.load(ordering: .acquiring) { return }
    kill()
    _ = try? finish()
  }

  /// The next line that the program prints; `nil` if there is none.
  package func nextLine() throws -> String? {
    try Self.nextLine(of: output)
  }

  /// The next line that the program writes to standard error; `nil` if there is none.
  package func nextErrorLine() throws -> String? {
    try Self.nextLine(of: errors)
  }

  /// Waits until the program writes a line that contains a text to standard error.
  ///
  /// - Parameters:
  ///   - text: The text.
  ///   - body: Called with each line, including the last.
  /// - Returns: The line.
  /// - Throws: ``EndOfErrors`` if the program writes no such line.
  @discardableResult
  package func waitForErrorLine(
    _ text: String, _ body: (String) -> Void = { _ in }
  ) throws -> String {
    var lines: [String] = []
    while let line = try nextErrorLine() {
      body(line)
      if line.contains(text) { return line }
      lines.append(line)
    }
    throw EndOfErrors(lines: lines)
  }

  /// A program ended before it wrote the expected line.
  package struct EndOfErrors: Error {
    package let lines: [String]
  }

  private static func nextLine(of stream: FileHandle) throws -> String? {
    var bytes: [UInt8] = []
    while let byte = try stream.read(upToCount: 1)?.first {
      if byte == UInt8(ascii: "\n") { break }
      bytes.append(byte)
    }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }

  /// Reads the rest of the program's output, and reaps it.
  ///
  /// Call this once.
  @discardableResult
  package func finish() throws -> Command.Result {
    let output = try self.output.readToEnd() ?? Data()
    let errors = try self.errors.readToEnd() ?? Data()
    let status = cts_wait(pid)
    isReaped.store(true, ordering: .releasing)
    return Command.Result(
      status: status, output: String(decoding: output, as: UTF8.self),
      errors: String(decoding: errors, as: UTF8.self))
  }
}

/// Calls `body` with an array of C strings in the form of execve(2).
package func withCStrings<Result>(
  _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
  let pointers = strings.map { strdup($0) }
  defer { for pointer in pointers { free(pointer) } }
  return body(pointers + [nil])
}

extension Command {
  /// The `portpicker` that was built with the tests.
  package static func portpicker(
    _ arguments: String..., environment: [String: String?] = [:]
  ) -> Command {
    Command(portpickerPath, arguments, environment: environment)
  }

  package static var portpickerPath: String { builtPath + "/portpicker" }

  /// The `portserver` that was built with the tests.
  package static var portserverPath: String { builtPath + "/portserver" }

  /// The `portserver-exporter` that was built with the tests.
  package static var exporterPath: String { builtPath + "/portserver-exporter" }

  /// The `soak` that was built with the tests.
  package static var soakPath: String { builtPath + "/soak" }

  /// The server for tests that was built with them; see `Tests/TestServer/main.c`.
  package static var testServerPath: String { builtPath + "/test-server" }

  private static var builtPath: String {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().path
  }

  /// A program that does nothing until it is killed, to be a holder.
  package static let sleeper = Command("/bin/sleep", ["100000"])

  /// A Python with the original installed, if `scripts/test` has created one
  /// (`PORTPICKER_TEST_PYTHON`).
  package static var originalPython: String? {
    namedByScript("PORTPICKER_TEST_PYTHON")
  }

  /// The original's own tests of its library, if `scripts/test` has fetched them
  /// (`PORTPICKER_TEST_ORIGINAL_TESTS`).
  package static var originalTests: String? {
    namedByScript("PORTPICKER_TEST_ORIGINAL_TESTS")
  }

  private static func namedByScript(_ variable: String) -> String? {
    ProcessInfo.processInfo.environment[variable]
      .flatMap { $0.isEmpty ? nil : $0 }
  }
}

/// Runs a function many times concurrently, on threads of its own.
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
