import PortLeasing
import PortPicker
import ServerProcesses

/// The ports of a test.
///
/// ```swift
/// @Test(.unusedPort) func answers() async throws {
///   let port = try #require(TestPorts.current).port
///   …
/// }
///
/// @Test(.unusedPorts("web", "db")) func stores() async throws {
///   let db = try #require(TestPorts.current["db"])
///   …
/// }
/// ```
///
/// A port has a name: a lowercase letter, then up to 62 lowercase letters, digits and
/// `-`. The port of ``Testing/Trait/unusedPort`` has the name `port`.
public struct TestPorts: Sendable {
  /// A port and its name.
  struct Entry: Sendable {
    let name: PortName
    let port: Int
    /// Whether a server of the test is to listen on it.
    var isServed = false
  }

  /// The ports, the ones that were added last first.
  private(set) var entries: [Entry]

  @TaskLocal static var ofTask: TestPorts?

  /// The ports of the test that is running, with those of the suites around it, and
  /// those of servers: see ``TestServer``.
  ///
  /// It is `nil` outside of a test with such ports, and in a detached task.
  public static var current: TestPorts? { ofTask }

  /// The port that was added last, within 1–65535; of several that were added together,
  /// the first.
  public var port: Int { entries.first?.port ?? 0 }

  /// The port with a name, within 1–65535; `nil` if no port has that name.
  ///
  /// An inner scope's port replaces an outer one's of the same name.
  public subscript(name: String) -> Int? {
    entries.first { $0.name.text == name }?.port
  }

  /// The names of the ports, in ascending order.
  public var names: [String] { Set(entries.map(\.name.text)).sorted() }

  /// The ports as environment variables: `NAME_PORT` for each name, such as
  /// `API_V2_PORT` for `api-v2`, and `PORT` for the name `port`.
  public var environment: [String: String] {
    var variables: [String: String] = [:]
    for (name, value) in environmentVariables(of: byName) {
      variables[name] = value
    }
    return variables
  }
}

extension TestPorts? {
  /// The port with a name; `nil` also if there are no ports.
  public subscript(name: String) -> Int? { self?[name] }
}

extension TestPorts {
  init() { entries = [] }

  /// These ports and others, which replace those of the same names.
  func adding(_ others: [Entry]) -> TestPorts {
    let names = Set(others.map(\.name))
    var all = self
    all.entries = others + entries.filter { !names.contains($0.name) }
    return all
  }

  var byName: [PortName: UInt16] {
    Dictionary(
      entries.map { ($0.name, UInt16($0.port)) },
      uniquingKeysWith: { one, _ in one })
  }

  func entry(_ name: PortName) -> Entry? {
    entries.first { $0.name == name }
  }
}

/// Picks a port for each name, runs a closure, and returns the ports.
///
/// - Throws: ``PortPickerError`` if there are not enough ports; otherwise what `body`
///   throws.
func withPorts<Value>(
  named names: [PortName], _ options: PickOptions,
  _ body: ([TestPorts.Entry]) async throws -> Value
) async throws -> Value {
  if names.isEmpty { return try await body([]) }
  let ports = try await pickUnusedPorts(count: names.count, options: options)
  let entries = zip(names, ports).map {
    TestPorts.Entry(name: $0, port: $1)
  }
  let result = await outcome { try await body(entries) }
  for port in ports { await returnOrWarn(port) }
  return try result.get()
}
