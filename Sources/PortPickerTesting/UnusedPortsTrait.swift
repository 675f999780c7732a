import PortLeasing
public import PortPicker
public import Testing

/// Gives each case of a test unused ports, which are returned when the case ends, however
/// it ends; see ``TestPorts``.
///
/// On a suite, it gives each case of each test in the suite ports of its own. With
/// `shared: true`, all that is in the suite shares the same ports, as do all cases of a
/// test function.
public struct UnusedPortsTrait: TestTrait, SuiteTrait, TestScoping {
  let names: [String]
  let isShared: Bool
  let options: PickOptions

  /// Whether each test in a suite has ports of its own.
  public var isRecursive: Bool { !isShared }

  /// This trait, where its scope begins: once for each case, or once for all if the ports
  /// are shared.
  public func scopeProvider(
    for test: Test, testCase: Test.Case?
  ) -> UnusedPortsTrait? {
    beginsScope(isShared: isShared, test, testCase) ? self : nil
  }

  /// Picks the ports, performs a function, and returns the ports.
  ///
  /// - Throws: `PortPickerError` if a name is invalid, or if there are not enough ports;
  ///   otherwise what the function throws.
  public func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    let names = try portNames(names)
    try await withPorts(named: names, options) { entries in
      let ports = (TestPorts.ofTask ?? TestPorts()).adding(entries)
      try await TestPorts.$ofTask.withValue(ports) { try await function() }
    }
  }
}

extension Trait where Self == UnusedPortsTrait {
  /// Gives each case of a test an unused port: ``TestPorts/port`` of
  /// ``TestPorts/current``.
  public static var unusedPort: Self { .unusedPort() }

  /// Gives each case of a test an unused port: ``TestPorts/port`` of
  /// ``TestPorts/current``.
  ///
  /// - Parameters:
  ///   - shared: Whether all that the trait is applied to shares the port: all tests of a
  ///     suite, or all cases of a test function.
  ///   - options: How to pick it.
  /// - Returns: The trait.
  public static func unusedPort(
    shared: Bool = false, options: PickOptions = PickOptions()
  ) -> Self {
    UnusedPortsTrait(names: ["port"], isShared: shared, options: options)
  }

  /// Gives each case of a test an unused port for each of some names.
  ///
  /// - Parameters:
  ///   - names: The names, by which ``TestPorts/subscript(_:)`` finds the ports: each a
  ///     lowercase letter, then up to 62 lowercase letters, digits and `-`.
  ///   - shared: Whether all that the trait is applied to shares the ports: all tests of
  ///     a suite, or all cases of a test function.
  ///   - options: How to pick them.
  /// - Returns: The trait.
  public static func unusedPorts(
    _ names: String..., shared: Bool = false,
    options: PickOptions = PickOptions()
  ) -> Self {
    UnusedPortsTrait(names: names, isShared: shared, options: options)
  }
}

/// Whether a trait's scope begins with a test or test case.
///
/// Swift Testing asks about a suite, then about each function in it, without a case, and
/// then about each of the function's cases.
func beginsScope(
  isShared: Bool, _ test: Test, _ testCase: Test.Case?
) -> Bool {
  // A trait that is shared by a suite is not inherited by what is in it.
  test.isSuite ? isShared : isShared == (testCase == nil)
}

/// Names of ports, each once.
func portNames(_ texts: [String]) throws(PortPickerError) -> [PortName] {
  var names: [PortName] = []
  for text in texts {
    guard let name = PortName(text) else {
      throw PortPickerError(
        .invalidArgument,
        "'\(text)' is not a name for a port; expected \(PortName.rule)")
    }
    if !names.contains(name) { names.append(name) }
  }
  return names
}
