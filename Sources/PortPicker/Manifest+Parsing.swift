import HostSystem
import PortLeasing

extension Manifest {
  init(parsing bytes: [UInt8], from path: String) throws(PortPickerError) {
    var bytes = bytes[...]
    let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    if bytes.starts(with: byteOrderMark) { bytes = bytes.dropFirst(3) }
    var check = ManifestCheck()
    var entries: [Entry] = []
    var number = 0
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
      number += 1
      do throws(ManifestProblem) {
        guard let entry = try Entry(parsing: line) else { continue }
        try check.add(entry, at: "line \(number)")
        entries.append(entry)
      } catch {
        throw PortPickerError(
          .invalidArgument, "\(printable(path)):\(number): \(error.text)")
      }
    }
    self.init(entries: entries)
  }

  /// Checks entries that a program has made.
  ///
  /// - Throws: ``PortPickerError/Code/invalidArgument``.
  package func validate() throws(PortPickerError) {
    var check = ManifestCheck()
    for (index, entry) in entries.enumerated() {
      do throws(ManifestProblem) {
        try check.add(entry, at: "entry \(index + 1)")
      } catch {
        throw PortPickerError(
          .invalidArgument, "the manifest's entry \(index + 1): \(error.text)")
      }
    }
  }
}

/// What is wrong with a line or an entry: what was found, and what is expected.
struct ManifestProblem: Error {
  let text: String

  init(_ text: String) {
    self.text = text
  }
}

extension Manifest.Entry {
  /// Parses a line; `nil` if it has no name.
  fileprivate init?(parsing line: ArraySlice<UInt8>) throws(ManifestProblem) {
    var line = line
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    line = line.prefix { $0 != UInt8(ascii: "#") }
    guard let text = String(validating: line, as: UTF8.self) else {
      throw ManifestProblem("text that is not valid UTF-8; expected UTF-8")
    }
    let words = text.unicodeScalars.split { $0 == " " || $0 == "\t" }
      .map { String($0) }
    guard let name = words.first else { return nil }
    self.init(name)
    var seen: Set<String> = []
    for word in words.dropFirst() {
      guard let sign = word.utf8.firstIndex(of: UInt8(ascii: "=")) else {
        throw Self.unknown(word)
      }
      let key = String(word[..<sign])
      let value = String(word[word.utf8.index(after: sign)...])
      guard ["prefer", "env", "count"].contains(key) else {
        throw Self.unknown(word)
      }
      guard seen.insert(key).inserted else {
        throw ManifestProblem(
          "a second '\(key)=' for the name '\(printable(name))'; expected "
            + "each setting once")
      }
      switch key {
      case "prefer": preferredPort = try Self.number(value, key, Self.portRule)
      case "count": count = try Self.number(value, key, Self.countRule)
      default: variable = value
      }
    }
  }

  private static func unknown(_ word: String) -> ManifestProblem {
    ManifestProblem(
      "unknown setting '\(printable(word))'; expected prefer=PORT, "
        + "env=VARIABLE or count=N, without spaces around =")
  }

  private static func number(
    _ text: String, _ key: String, _ rule: String
  ) throws(ManifestProblem) -> Int {
    guard (1...5).contains(text.utf8.count),
      text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = Int(text)
    else {
      throw ManifestProblem(
        "'\(key)=\(printable(text))'; expected \(rule)")
    }
    return number
  }

  static let portRule = "a port from 1 to 65535"
  static let countRule = "a number of ports from 1 to 65535"
}
