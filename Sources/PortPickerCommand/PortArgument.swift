import ArgumentParser
import PortLeasing
import PortPicker

/// A port, or the name of one: an argument of commands that take both.
///
/// A name begins with a letter, so that a number is never a name.
enum PortArgument: Equatable, Sendable {
  case port(UInt16)
  case name(String)

  init(parsing text: String) throws {
    if let name = PortName(text) {
      self = .name(name.text)
    } else if let port = try? ArgumentText.port(text) {
      self = .port(port)
    } else {
      throw ValidationError(
        "expected a port from 1 to 65535, or a name: \(PortName.rule)")
    }
  }

  var isName: Bool {
    if case .name = self { true } else { false }
  }
}

/// A port, and the name that it was asked for by.
struct AskedPort {
  let port: UInt16
  let name: String?

  /// The port for messages: `port 10432`, or `port 10432 (web)`.
  var text: String { "port \(port)" + (name.map { " (\($0))" } ?? "") }

  /// Looks up names, which claims nothing.
  ///
  /// - Throws: `systemFailure` if a name has no port, and as `namedPorts(at:)`.
  static func lookUp(
    _ arguments: [PortArgument], at place: String?
  ) throws(PortPickerError) -> [AskedPort] {
    var known: [NamedPort] = []
    if arguments.contains(where: \.isName) {
      known = try namedPorts(at: try Place(at: place).path)
    }
    var found: [AskedPort] = []
    for argument in arguments {
      switch argument {
      case .port(let port): found.append(AskedPort(port: port, name: nil))
      case .name(let name):
        guard let claim = known.first(where: { $0.name == name }) else {
          throw PortPickerError(
            .systemFailure,
            "\(name) has no port here; portpicker name \(name) claims one")
        }
        found += claim.ports.map {
          AskedPort(port: UInt16(clamping: $0), name: name)
        }
      }
    }
    return found
  }
}
