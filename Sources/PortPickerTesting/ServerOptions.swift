import HostSystem
public import PortPicker
import ServerProcesses

/// How to run a server for a test; the defaults suit most servers.
public struct ServerOptions: Sendable {
  /// How long the server may take until it listens; 10 seconds by default.
  public var startTimeout: Duration

  /// How long the server may take to end after `SIGTERM`; 5 seconds by default.
  ///
  /// Afterwards, all its processes are ended by `SIGKILL`.
  public var endTimeout: Duration

  /// Whether the server listens on UDP; otherwise it listens on TCP.
  public var listensOnUDP: Bool

  /// Environment variables to set for the server, besides those of its ports; a `nil`
  /// value unsets one.
  public var environment: [String: String?]

  /// The server's current directory; by default, that of this process.
  public var directory: String?

  /// How to pick the server's ports.
  public var pick: PickOptions

  /// Creates options.
  ///
  /// - Parameters:
  ///   - startTimeout: See ``startTimeout``.
  ///   - endTimeout: See ``endTimeout``.
  ///   - listensOnUDP: See ``listensOnUDP``.
  ///   - environment: See ``environment``.
  ///   - directory: See ``directory``.
  ///   - pick: See ``pick``.
  public init(
    startTimeout: Duration = .seconds(10), endTimeout: Duration = .seconds(5),
    listensOnUDP: Bool = false, environment: [String: String?] = [:],
    directory: String? = nil, pick: PickOptions = PickOptions()
  ) {
    self.startTimeout = startTimeout
    self.endTimeout = endTimeout
    self.listensOnUDP = listensOnUDP
    self.environment = environment
    self.directory = directory
    self.pick = pick
  }
}

extension ServerDescription {
  init(
    arguments: [[UInt8]], ports: [UInt16], of all: TestPorts,
    _ options: ServerOptions
  ) {
    self.init(arguments: arguments, ports: ports)
    transport = options.listensOnUDP ? .udp : .tcp
    environment =
      environmentVariables(of: all.byName)
      + options.environment.map { ($0.key, $0.value) }
    directory = options.directory
    startLimit = options.startTimeout
    grace = options.endTimeout
  }
}
