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
      A client that asks for a port gets one that no other process holds or \
      uses. The port becomes free again when the process to which it is leased \
      ends.

        portserver &
        export PORTSERVER_ADDRESS=@unittest-portserver
        portpicker $$

      The server stays in the foreground and logs to standard error. On SIGUSR1, \
      it logs statistics; SIGINT, SIGTERM and SIGHUP stop it. It supports systemd \
      socket activation.

      Exit status: 0 after SIGINT, SIGTERM or SIGHUP; 1 if the server cannot \
      serve; 64 if an argument is invalid.
      """,
    version: "portserver \(portPickerVersion)")

  @Option(
    name: [.customLong("pool"), .customLong("portserver_static_pool")],
    parsing: .unconditional,
    help: ArgumentHelp(
      "The ports to lease, as single ports and ranges, such as "
        + "15000-19999,30000.",
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
      Where to listen: the path of a Unix socket, or @NAME in the abstract \
      namespace. This option can be repeated. (default: the sockets that systemd \
      passes, or else \(Self.defaultAddress))
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
      The absolute path of the file in which leases are recorded, so that they \
      survive a restart. (default: a file named after the first address, in \
      $RUNTIME_DIRECTORY or /dev/shm/portpicker-UID)
      """, valueName: "PATH"), completion: .file())
  var state: String?

  @Flag(help: "Do not record leases; they are lost when the server stops.")
  var noState = false

  @Flag(help: "Let every user lease ports to other users' processes.")
  var allowForeignPids = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The maximum number of ports that one process may hold. "
        + "(default: no limit)",
      valueName: "N"),
    transform: Self.limit)
  var maxPortsPerProcess: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The maximum number of leased ports that one user may have requested. "
        + "(default: no limit)",
      valueName: "N"),
    transform: Self.limit)
  var maxPortsPerUser: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many clients may be connected at the same time; others wait. "
        + "(default: 1024)",
      valueName: "N"),
    transform: Self.limit)
  var maxClients = 1024

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      How many of these clients may belong to one user; a further connection \
      replaces an existing one of that user. (default: a quarter of --max-clients)
      """, valueName: "N"),
    transform: Self.limit)
  var maxClientsPerUser: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many seconds a client may take to send a request. (default: 5.0)",
      valueName: "SECONDS"),
    transform: Self.seconds)
  var clientTimeout = 5.0

  @Flag(help: "Log each lease.")
  var verbose = false

  @Flag(help: "Log everything.")
  var debug = false

  static let defaultAddress = "@unittest-portserver"

  /// Reads the permissions of a file in octal, as chmod(1) takes them.
  private static func fileMode(_ text: String) throws -> UInt32 {
    guard text.allSatisfy({ ("0"..."7").contains($0) }),
      let mode = UInt32(text, radix: 8), mode <= 0o777
    else {
      throw ValidationError(
        "expected permissions in octal, 0 to 777, such as 660")
    }
    return mode
  }

  private static func limit(_ text: String) throws -> Int {
    guard let number = Int(text), number > 0 else {
      throw ValidationError("expected a number, 1 or more")
    }
    return number
  }

  private static func seconds(_ text: String) throws -> Double {
    guard let seconds = Double(text), seconds > 0, seconds <= 1e9 else {
      throw ValidationError(
        "expected a number of seconds above 0, and at most 1000000000")
    }
    return seconds
  }

  func validate() throws {
    if let state {
      do {
        _ = try LedgerLocation(namedByUser: state)
      } catch {
        throw ValidationError("\(error), or start with --no-state")
      }
    }
    if noState, state != nil {
      throw ValidationError("--state and --no-state cannot be combined")
    }
  }

  func run() throws {
    ignoreBrokenPipeSignal()
    ignoreFileSizeSignal()
    var log = Logger(label: "portserver", factory: StandardErrorLog.init)
    if verbose { log.logLevel = .info }
    if debug { log.logLevel = .debug }
    var badItems: [PortPool.ParsingError] = []
    let ports = PortPool(parsing: pool) { badItems.append($0) }
    if ports.isEmpty {
      throw ValidationError(
        "--pool '\(pool)' names no port; expected ports and ranges within "
          + "1-65535, such as 15000-24999")
    }
    for item in badItems { log.error("left out: \(item)") }
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
    } catch {
      throw Failure(
        "cannot serve: \(error)" + (error.advice.map { "; " + $0 } ?? ""))
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
      throw Failure(
        "cannot read /proc: \(error); \(error.advice ?? "mount it")")
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
        "LISTEN_FDS names sockets that do not exist: \(error); start the server "
          + "through its socket unit, or unset LISTEN_FDS")
    }
    if !inherited.isEmpty { return try adopt(inherited, log) }
    var addresses: [UnixAddress] = []
    for text in address.isEmpty ? [Self.defaultAddress] : address {
      guard let address = UnixAddress(text) else {
        throw ValidationError(
          "the address '\(text)' is invalid; expected a path or @NAME of 1 to "
            + "\(UnixAddress.maximumLength) bytes")
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
        not listening on \(address), but on systemd's sockets: \
        \(used.joined(separator: " and "))
        """)
    }
    return listeners
  }
}

extension Portserver {
  static func main() {
    do {
      if let index = indexOfNonUTF8Argument() {
        throw ValidationError("argument \(index) is not UTF-8; correct it")
      }
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      if ServiceManager.isStandardErrorJournal {
        writeToStandardError(printable("<3>\(failure.message)"))
      } else {
        printError(failure.message, as: "portserver")
      }
      exitProcess(with: 1)
    } catch {
      let code = exitCode(for: error)
      // --help and --version end here.
      if code == .success { exit(withError: error) }
      printError(message(for: error), as: "portserver")
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
