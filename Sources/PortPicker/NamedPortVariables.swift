import HostSystem
import PortLeasing

/// The environment variables of named ports.
///
/// A name has one variable, with its port, or its first port. A block also has the
/// variable with `_1`, `_2` and so on for each of its ports, and with `_COUNT` for their
/// number. A name is a block if it has several ports, or the manifest has a `count=`.
package struct NamedPortVariables: Hashable, Sendable {
  /// A variable and its value.
  package struct Variable: Hashable, Sendable {
    /// A letter or `_`, then letters, digits and `_`, all of them ASCII.
    package let name: String
    /// The value: a port, or a number of ports.
    package let value: Int
  }

  /// The variables, in the order of the names.
  package let variables: [Variable]

  /// The variables of some named ports.
  ///
  /// - Parameters:
  ///   - ports: Named ports of one place.
  ///   - manifest: The place's manifest, if it has one. Names that it does not list have
  ///     the variables that they would have without it.
  /// - Throws: ``PortPickerError/Code/invalidArgument`` if two names have the same
  ///   variable.
  package init(
    _ ports: [NamedPort], manifest: Manifest?
  ) throws(PortPickerError) {
    var entries: [String: Manifest.Entry] = [:]
    for entry in manifest?.entries ?? [] { entries[entry.name] = entry }
    var variables: [Variable] = []
    var names: [String: String] = [:]
    for port in ports {
      let own = Self.variables(of: port, entries[port.name])
      for variable in own {
        guard let other = names.updateValue(port.name, forKey: variable.name)
        else { continue }
        throw PortPickerError(
          .invalidArgument,
          "the names '\(printable(other))' and '\(printable(port.name))' both "
            + "set \(variable.name); set another env= for one of them in the "
            + "manifest, or forget it")
      }
      variables += own
    }
    self.variables = variables
  }

  private static func variables(
    of port: NamedPort, _ entry: Manifest.Entry?
  ) -> [Variable] {
    guard let first = port.ports.first else { return [] }
    let name = (entry ?? Manifest.Entry(port.name)).variable
    var variables = [Variable(name: name, value: first)]
    guard port.ports.count > 1 || entry?.count != nil else { return variables }
    for (index, port) in port.ports.enumerated() {
      variables.append(Variable(name: "\(name)_\(index + 1)", value: port))
    }
    variables.append(Variable(name: "\(name)_COUNT", value: port.ports.count))
    return variables
  }
}
