import HostSystem
import PortLeasing

/// Checks the entries of a manifest, one after the other, each against those before it.
struct ManifestCheck {
  /// An entry, and where it is, such as `line 3`.
  private struct Known {
    let name: String
    let place: String
    let count: Int?
  }

  private var names: [String: String] = [:]
  private var variables: [String: Known] = [:]
  /// The variables that end like those that a block adds, by what is before the ending.
  private var endings: [String: [(variable: String, ending: Ending)]] = [:]
  private var ports: [Int: Known] = [:]

  /// What a block adds to its variable.
  private enum Ending {
    case number(Int)
    case count
  }

  /// Checks an entry.
  ///
  /// - Parameters:
  ///   - entry: The entry.
  ///   - place: Where it is, for messages about later ones.
  /// - Throws: What is wrong with it.
  mutating func add(
    _ entry: Manifest.Entry, at place: String
  ) throws(ManifestProblem) {
    guard PortName(entry.name) != nil else {
      throw ManifestProblem(
        "the name '\(printable(entry.name))'; expected \(PortName.rule)")
    }
    if let other = names[entry.name] {
      throw ManifestProblem(
        "the name '\(entry.name)' is already on \(other); expected each name "
          + "once")
    }
    names[entry.name] = place
    let known = Known(name: entry.name, place: place, count: entry.count)
    try checkNumbers(entry)
    try addVariables(of: entry, known)
    try addPorts(of: entry, known)
  }

  private func checkNumbers(
    _ entry: Manifest.Entry
  ) throws(ManifestProblem) {
    let range = 1...65535
    if let count = entry.count, !range.contains(count) {
      throw ManifestProblem(
        "'count=\(count)'; expected \(Manifest.Entry.countRule)")
    }
    guard let port = entry.preferredPort else { return }
    if !range.contains(port) {
      throw ManifestProblem(
        "'prefer=\(port)'; expected \(Manifest.Entry.portRule)")
    }
    let last = port + (entry.count ?? 1) - 1
    if last > range.upperBound {
      throw ManifestProblem(
        "'prefer=\(port)' with 'count=\(entry.count ?? 1)' ends at \(last); "
          + "expected a last port of at most 65535")
    }
  }

  // MARK: - Variables

  private mutating func addVariables(
    of entry: Manifest.Entry, _ known: Known
  ) throws(ManifestProblem) {
    let variable = entry.variable
    guard Self.isVariable(variable) else {
      throw ManifestProblem(
        "'env=\(printable(variable))'; expected the name of a variable: a "
          + "letter or _, then letters, digits and _")
    }
    if Self.reserved.contains(variable) {
      throw ManifestProblem(
        "'env=\(variable)'; expected a variable that shells and programs do not "
          + "depend on")
    }
    if let other = variables[variable] { throw clash(variable, with: other) }
    if let (base, ending) = Self.split(variable) {
      if let block = variables[base], Self.adds(ending, block.count) {
        throw clash(variable, with: block)
      }
      endings[base, default: []].append((variable, ending))
    }
    if entry.count != nil {
      for (variable, ending) in endings[variable] ?? []
      where Self.adds(ending, entry.count) {
        if let other = variables[variable] {
          throw clash(variable, with: other)
        }
      }
    }
    variables[variable] = known
  }

  private func clash(
    _ variable: String, with other: Known
  ) -> ManifestProblem {
    ManifestProblem(
      "the variable \(variable) is also that of the name '\(other.name)' on "
        + "\(other.place); expected another one: set env=")
  }

  /// Variables that would break the shell, or the programs that it starts.
  private static let reserved: Set = [
    "BASH_ENV", "ENV", "HOME", "IFS", "LD_LIBRARY_PATH", "LD_PRELOAD", "PATH",
    "PWD", "SHELL", "TERM", "TMPDIR", "USER",
  ]

  static func isVariable(_ text: String) -> Bool {
    let isFirst: (UInt8) -> Bool = {
      (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
    }
    guard let first = text.utf8.first, isFirst(first) else { return false }
    return text.utf8.allSatisfy { isFirst($0) || (0x30...0x39).contains($0) }
  }

  /// Splits `BASE_COUNT`, or `BASE_1`.
  private static func split(
    _ variable: String
  ) -> (base: String, ending: Ending)? {
    guard let line = variable.lastIndex(of: "_") else { return nil }
    let base = String(variable[..<line])
    let rest = variable[variable.index(after: line)...]
    if rest == "COUNT" { return (base, .count) }
    guard let number = Int(rest), "\(number)" == rest else { return nil }
    return (base, .number(number))
  }

  /// Whether a block of so many ports has a variable with this ending.
  private static func adds(_ ending: Ending, _ count: Int?) -> Bool {
    guard let count else { return false }
    return switch ending {
    case .count: true
    case .number(let number): 1...count ~= number
    }
  }

  // MARK: - Ports

  private mutating func addPorts(
    of entry: Manifest.Entry, _ known: Known
  ) throws(ManifestProblem) {
    guard let first = entry.preferredPort else { return }
    for port in first..<first + (entry.count ?? 1) {
      if let other = ports[port] {
        throw ManifestProblem(
          "the preferred port \(port) is also that of the name "
            + "'\(other.name)' on \(other.place); expected different ports")
      }
      ports[port] = known
    }
  }
}
