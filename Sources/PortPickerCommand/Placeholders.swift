import PortPicker
import ServerProcesses

/// The ports that placeholders in a program's arguments stand for: `{port}`,
/// `{port1}` and so on, and the names of ports, such as `{web}`.
struct Placeholders {
  let ports: [UInt16]
  /// The first port of each name; a name precedes a number.
  var names: [String: UInt16] = [:]

  /// Replaces the placeholders in arguments, which need not be text.
  ///
  /// - Throws: `invalidArgument` if a number is out of range.
  func fill(
    _ arguments: [[UInt8]]
  ) throws(PortPickerError) -> [[UInt8]] {
    try arguments.map { argument throws(PortPickerError) in
      try PlaceholderText(parsing: argument, isPlaceholder: isPlaceholder)
        .filled { word throws(PortPickerError) in "\(try port(of: word))" }
    }
  }

  private func isPlaceholder(_ word: String) -> Bool {
    if names[word] != nil { return true }
    return word.hasPrefix("port") && word.dropFirst(4).allSatisfy(\.isNumber)
  }

  private func port(of word: String) throws(PortPickerError) -> UInt16 {
    if let port = names[word] { return port }
    let digits = word.dropFirst(4)
    let number = digits.isEmpty ? 1 : Int(digits) ?? .max
    guard (1...ports.count).contains(number) else {
      throw PortPickerError(
        .invalidArgument,
        "{port\(number)} is out of range: the ports are {port1} to "
          + "{port\(ports.count)}"
          + (names.isEmpty ? "; ask for more with --count" : ""))
    }
    return ports[number - 1]
  }
}
