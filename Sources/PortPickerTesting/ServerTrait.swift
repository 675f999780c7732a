import PortPicker
import Synchronization
public import Testing

/// Runs a server for each case of a test, as ``withServer(_:_:options:_:)`` does.
///
/// On a suite, each case of each test in the suite has a server of its own. With `shared:
/// true`, all that is in the suite shares one server, as do all cases of a test function.
///
/// If a test fails, the server's output is attached to it, and the last lines are shown.
public struct ServerTrait: TestTrait, SuiteTrait, TestScoping {
  let command: [String]
  let isShared: Bool
  let options: ServerOptions

  /// Whether each test in a suite has a server of its own.
  public var isRecursive: Bool { !isShared }

  /// This trait, where its scope begins: once for each case, or once for all if the
  /// server is shared.
  public func scopeProvider(
    for test: Test, testCase: Test.Case?
  ) -> ServerTrait? {
    beginsScope(isShared: isShared, test, testCase) ? self : nil
  }

  /// Runs the server, performs a function, and ends the server.
  ///
  /// - Throws: ``ServerError`` if the server does not become ready; `PortPickerError` if
  ///   there are not enough ports; otherwise what the function throws.
  public func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    var report: FailureReport?
    let result = await outcome {
      try await withServer(command, options: options) { server in
        let current = FailureReport(of: server)
        report = current
        // Issues are recorded in the scope of the innermost trait that handles them.
        try await IssueHandlingTrait.compactMapIssues(current.note)
          .provideScope(for: test, testCase: testCase, performing: function)
      }
    }
    report?.finish(result)
    try result.get()
  }
}

extension Trait where Self == ServerTrait {
  /// Runs a server for each case of a test, as ``withServer(_:_:options:_:)`` does.
  ///
  /// ```swift
  /// @Test(.server("redis-server", "--port", "{redis}"))
  /// func stores() async throws {
  ///   let port = try #require(TestPorts.current["redis"])
  ///   …
  /// }
  /// ```
  ///
  /// Of several such traits, the first starts first and ends last. A later server's
  /// command may name the ports of an earlier one.
  ///
  /// - Parameters:
  ///   - program: The server's program; searched for in `PATH` if it has no slash.
  ///   - arguments: Its arguments; at least one contains `{port}`, or another name.
  ///   - shared: Whether all that the trait is applied to shares the server: all tests of
  ///     a suite, or all cases of a test function.
  ///   - options: How to run it.
  /// - Returns: The trait.
  public static func server(
    _ program: String, _ arguments: String..., shared: Bool = false,
    options: ServerOptions = ServerOptions()
  ) -> Self {
    ServerTrait(
      command: [program] + arguments, isShared: shared, options: options)
  }

  /// Runs a server for each case of a test: ``server(_:_:shared:options:)`` for a command
  /// in an array.
  ///
  /// - Parameters:
  ///   - command: The server's program, and its arguments.
  ///   - shared: Whether all that the trait is applied to shares the server: all tests of
  ///     a suite, or all cases of a test function.
  ///   - options: How to run it.
  /// - Returns: The trait.
  public static func server(
    _ command: [String], shared: Bool = false,
    options: ServerOptions = ServerOptions()
  ) -> Self {
    ServerTrait(command: command, isShared: shared, options: options)
  }
}
