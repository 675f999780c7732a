import ArgumentParser
import HostSystem
import Logging
import PortLeasing
import PortLedger
import PortProtocol
import PortServer
import SystemPackage

/// The command `portserver`.
@main
struct Portserver: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "portserver",
    abstract: "Lease the ports of this host to processes until they end.",
    discussion: """
      Whoever needs a port asks here and gets one that nobody else has. It \
      comes back by itself when the process that it is for has ended.

        portserver &
        export PORTSERVER_ADDRESS=@unittest-portserver
        portpicker $$

      It stays in the foreground and logs on standard error. SIGUSR1 logs \
      statistics; SIGINT, SIGTERM and SIGHUP end it. systemd may hand it its \
      sockets.

      Exit status: 0, or 1 if it cannot serve, or 64 if an argument makes no \
      sense.
      """,
    version: "portserver \(portPickerVersion)")

  @Option(
    name: [.customLong("pool"), .customLong("portserver_static_pool")],
    parsing: .unconditional,
    help: ArgumentHelp(
      "The ports to lease: ports and ranges, such as 15000-19999,30000.",
      valueName: "RANGES"))
  var pool = "15000-24999"

  @Option(
    name: [
      .customLong("address"), .customLong("portserver_address"),
      .customLong("portserver_unix_socket_address"),
    ],
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      """
      Where to listen: the path of a unix socket, or @NAME in the abstract \
      namespace; several if repeated. (default: \(Self.defaultAddress), or the \
      sockets that systemd hands over)
      """, valueName: "ADDRESS"), completion: .file())
  var address: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The permissions of the socket file, in octal. (default: 666)",
      valueName: "MODE"),
    transform: Self.fileMode)
  var socketMode: UInt32 = 0o666

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      The file in which leases are written down, so that they outlive this \
      server: an absolute path. (default: one for the first address, in \
      $RUNTIME_DIRECTORY or /dev/shm/portpicker-UID)
      """, valueName: "PATH"), completion: .file())
  var state: String?

  @Flag(help: "Write no leases down: they end with this server.")
  var noState = false

  @Flag(help: "Lease ports to other users' processes, too, for everybody.")
  var allowForeignPids = false

  @Option(
    help: ArgumentHelp(
      "How many ports a process may have. (default: no limit)",
      valueName: "N"))
  var maxPortsPerProcess: Int?

  @Option(
    help: ArgumentHelp(
      "How many ports a user may have asked for. (default: no limit)",
      valueName: "N"))
  var maxPortsPerUser: Int?

  @Option(
    help: ArgumentHelp(
      "How many clients are served at a time; further ones wait.",
      valueName: "N"))
  var maxClients = 1024

  @Option(
    help: ArgumentHelp(
      """
      How many of them may be a user's; then others of the same user's make \
      room. (default: a quarter)
      """, valueName: "N"))
  var maxClientsPerUser: Int?

  @Option(
    help: ArgumentHelp(
      "How long a client may take to send its request.", valueName: "SECONDS"))
  var clientTimeout = 5.0

  @Flag(help: "Log each lease.")
  var verbose = false

  @Flag(help: "Log everything.")
  var debug = false

  static let defaultAddress = "@unittest-portserver"

  /// The permissions of a file, written in octal as chmod(1) takes them.
  private static func fileMode(_ text: String) throws -> UInt32 {
    guard text.allSatisfy({ ("0"..."7").contains($0) }),
      let mode = UInt32(text, radix: 8), mode <= 0o777
    else {
      throw ValidationError(
        "permissions in octal are expected, 0 to 777, such as 660")
    }
    return mode
  }

  func validate() throws {
    for (name, value) in [
      ("--max-ports-per-process", maxPortsPerProcess),
      ("--max-ports-per-user", maxPortsPerUser), ("--max-clients", maxClients),
      ("--max-clients-per-user", maxClientsPerUser),
    ] where value.map({ $0 < 1 }) ?? false {
      throw ValidationError("\(name) has to be 1 or more")
    }
    guard clientTimeout > 0, clientTimeout <= 1e9 else {
      throw ValidationError("--client-timeout has to be above 0")
    }
    if noState, state != nil {
      throw ValidationError("--state and --no-state exclude each other")
    }
  }

  func run() throws {
    reportBrokenPipes()
    reportFileSizeLimit()
    var log = Logger(label: "portserver", factory: StandardErrorLog.init)
    if verbose { log.logLevel = .info }
    if debug { log.logLevel = .debug }
    let ports = PortPool(parsing: pool) { log.error("left out: \($0)") }
    if ports.isEmpty {
      throw Failure(
        "'\(pool)' names no port; ports and ranges within 1-65535 are "
          + "expected in --pool, such as 15000-24999")
    }
    ports.warn(of: .current(), in: log)
    let listeners = try listen(log)
    let ledger: ServerLedger?
    do {
      ledger =
        noState ? nil : try openLedger(of: listeners[0].address, log)
    } catch {
      for listener in listeners { listener.removeFile() }
      throw error
    }
    let marker = ports.announce(in: log)
    do {
      let server = try PortServer(
        listeningOn: listeners, options: options(for: ports), ledger: ledger,
        signals: try SignalQueue(), log: log)
      log.notice(
        """
        listening on \(server.addressText), pid \(currentPID()), with \
        \(ports.count) ports: \(ports.summary)
        """)
      try server.run()
      withExtendedLifetime(marker) {}
    } catch let error as LeasingError {
      throw Failure(error.text)
    } catch {
      throw Failure("cannot serve: \(error)")
    }
  }

  private func options(for pool: PortPool) -> ServerOptions {
    var options = ServerOptions(pool: pool)
    options.maxClients = maxClients
    options.maxClientsPerUser = maxClientsPerUser
    options.clientTimeout = .seconds(clientTimeout)
    options.allowsForeignPIDs = allowForeignPids
    options.maxPortsPerProcess = maxPortsPerProcess
    options.maxPortsPerUser = maxPortsPerUser
    options.descriptorLimit = raiseDescriptorLimit()
    return options
  }

  private func openLedger(
    of address: UnixAddress, _ log: Logger
  ) throws -> ServerLedger {
    let context: LedgerContext
    do {
      context = try .current()
    } catch {
      throw Failure("/proc cannot be read: \(error); mount it")
    }
    do throws(LeasingError) {
      let location =
        if let state {
          try LedgerLocation(namedByUser: state)
        } else if let directory = environmentVariable("RUNTIME_DIRECTORY")?
          .split(separator: ":").first
        {
          LedgerLocation(ofServerAt: address, in: String(directory))
        } else {
          try LedgerLocation(
            ofServerAt: address, user: effectiveUserID(), context: context)
        }
      return try ServerLedger(at: location, context: context) {
        log.warning("\($0)")
      }
    } catch {
      throw Failure("\(error.text), or start with --no-state")
    }
  }

  /// Listens at every address, or at none.
  ///
  /// - Returns: One listener or more.
  private func listen(_ log: Logger) throws -> [Listener] {
    let inherited: [FileDescriptor]
    do {
      inherited = try ServiceManager.takeSockets()
    } catch {
      throw Failure(
        "LISTEN_FDS names sockets that are not there: \(error); start it "
          + "through its socket unit, or unset LISTEN_FDS")
    }
    if !inherited.isEmpty { return try adopt(inherited, log) }
    var addresses: [UnixAddress] = []
    for text in address.isEmpty ? [Self.defaultAddress] : address {
      guard let address = UnixAddress(text) else {
        throw ValidationError(
          "the address '\(text)' is no address: a path or @NAME of 1 to "
            + "\(UnixAddress.maximumLength) bytes is expected")
      }
      if !addresses.contains(address) { addresses.append(address) }
    }
    var listeners: [Listener] = []
    for address in addresses {
      do {
        listeners.append(
          Listener(try UnixServerSocket(binding: address, mode: socketMode)))
      } catch {
        for listener in listeners { listener.removeFile() }
        throw Failure("cannot listen on '\(address.text)': \(error.text)")
      }
    }
    return listeners
  }

  private func adopt(
    _ inherited: [FileDescriptor], _ log: Logger
  ) throws -> [Listener] {
    var listeners: [Listener] = []
    for descriptor in inherited {
      do {
        listeners.append(Listener(try UnixServerSocket(adopting: descriptor)))
      } catch {
        throw Failure("cannot use systemd's socket: \(error.text)")
      }
    }
    let used = listeners.map(\.address.text)
    for address in address where !used.contains(address) {
      log.warning(
        """
        systemd's sockets are used, which listen on \
        \(used.joined(separator: " and ")), not on \(address)
        """)
    }
    return listeners
  }
}

extension Portserver {
  static func main() {
    do {
      if let index = indexOfNonTextArgument() {
        throw ValidationError("argument \(index) is not UTF-8; correct it")
      }
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      if ServiceManager.readsStandardError {
        writeToStandardError("<3>\(failure.message)")
      } else {
        complain(failure.message, as: "portserver")
      }
      exitProcess(with: 1)
    } catch {
      let code = exitCode(for: error)
      // That is how --help and --version end.
      if code == .success { exit(withError: error) }
      complain(message(for: error), as: "portserver")
      exitProcess(with: code.rawValue)
    }
  }
}

/// Why the server cannot serve.
struct Failure: Error {
  let message: String

  init(_ message: String) {
    self.message = message
  }
}
