package import PortLeasing

/// The program and arguments of a server, with placeholders for ports.
package struct ServerCommand: Hashable, Sendable {
  private let words: [PlaceholderText]

  /// - Parameter words: The program and its arguments; each `{name}` in them stands for
  ///   the port with that name.
  package init(_ words: [[UInt8]]) {
    self.words = words.map { PlaceholderText(parsing: $0) }
  }

  /// The names of the ports, each once, in the order in which they first occur.
  package var portNames: [PortName] {
    var seen: Set<String> = []
    return words.flatMap(\.placeholders).filter { seen.insert($0).inserted }
      .compactMap { PortName($0) }
  }

  /// The arguments with ports in place of their names.
  ///
  /// - Parameter ports: The ports by name.
  /// - Returns: The arguments, as bytes.
  /// - Throws: The first name that has no port.
  package func arguments(
    with ports: [PortName: UInt16]
  ) throws(UnknownPortName) -> [[UInt8]] {
    try words.map { word throws(UnknownPortName) in
      try word.filled { name throws(UnknownPortName) in
        guard let port = PortName(name).flatMap({ ports[$0] }) else {
          throw UnknownPortName(text: name)
        }
        return "\(port)"
      }
    }
  }
}

/// A placeholder whose name no port has.
package struct UnknownPortName: Error, Hashable, Sendable {
  /// The name.
  package let text: String
}

/// The environment variables for ports: `NAME_PORT` for each, and `PORT` for the name
/// `port`.
package func environmentVariables(
  of ports: [PortName: UInt16]
) -> [(name: String, value: String?)] {
  ports.sorted { $0.key < $1.key }.map { name, port in
    (name.text == "port" ? "PORT" : name.variable, "\(port)")
  }
}
