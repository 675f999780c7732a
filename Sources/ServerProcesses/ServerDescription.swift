package import HostSystem

/// What a server is to be.
package struct ServerDescription: Sendable {
  /// The program and its arguments.
  package var arguments: [[UInt8]]
  /// The ports on which one of its processes must listen.
  package var ports: [UInt16]
  /// The protocol on which they listen.
  package var transport = TransportProtocol.tcp
  /// Variables to set, or to unset if the value is `nil`.
  package var environment: [(name: String, value: String?)] = []
  /// Its current directory; `nil` for this process's.
  package var directory: String?
  /// How long it may take until it listens.
  package var startLimit = Duration.seconds(10)
  /// How long it may take to end after `SIGTERM`.
  package var grace = Duration.seconds(5)

  package init(arguments: [[UInt8]], ports: [UInt16]) {
    self.arguments = arguments
    self.ports = ports
  }
}

extension ServerDescription {
  /// The program and its arguments, for messages.
  package var commandLine: String { commandLineText(arguments) }
}

/// A program and its arguments as one printable line.
package func commandLineText(_ arguments: [[UInt8]]) -> String {
  printable(
    arguments.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
  )
}
