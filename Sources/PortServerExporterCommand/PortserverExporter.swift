import ArgumentParser
import HostSystem
import PortProtocol
import PortServerClient
import PortServerExporter
import SystemPackage

/// The command `portserver-exporter`.
@main
struct PortserverExporter: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "portserver-exporter",
    abstract: "Report what a port server does, to Prometheus and to people.",
    discussion: """
      It asks the port server for its figures whenever it is asked for them, and \
      cannot lease or return ports.

        portserver-exporter &
        curl http://127.0.0.1:9816/metrics

      / is a page for people; /metrics has the figures for Prometheus, and \
      /healthz says whether the port server answers. With --textfile, it writes the figures to a file for \
      node_exporter instead, and removes the file when it ends.

      The exporter stays in the foreground; SIGINT, SIGTERM and SIGHUP stop it.

      Exit status: 0 after SIGINT, SIGTERM or SIGHUP; 1 if it cannot listen; 64 if \
      an argument is invalid.
      """,
    version: "portserver-exporter \(portPickerVersion)")

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Where to listen for HTTP: an address and a port. Anybody who can connect \
      there sees all leases. (default: \(Self.defaultListen), or nowhere with \
      --textfile)
      """, valueName: "HOST:PORT"))
  var listen: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write the metrics to this file, again and again.", valueName: "PATH"),
    completion: .file())
  var textfile: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many seconds to wait before the file is written again. "
        + "(default: 15.0)",
      valueName: "SECONDS"),
    transform: Self.seconds)
  var interval = 15.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      The address of the port server: a path, or @NAME in the abstract namespace. \
      (default: $PORTSERVER_ADDRESS, or else \(Self.defaultServer))
      """, valueName: "ADDRESS"), completion: .file())
  var server: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many seconds the port server may take to answer. (default: 2.0)",
      valueName: "SECONDS"),
    transform: Self.seconds)
  var timeout = 2.0

  @Flag(help: "Show the commands of processes on the page.")
  var showCommands = false

  /// How often the figures of the last hour are noted.
  private static let sampleInterval = Duration.seconds(10)

  /// How many connections may be open, so that their answers fit into the memory that
  /// the unit allows.
  private static let maxConnections = 2048

  static let defaultListen = "127.0.0.1:9816"
  static let defaultServer = "@unittest-portserver"

  private static func seconds(_ text: String) throws -> Double {
    guard let seconds = Double(text), seconds > 0, seconds <= 86_400 else {
      throw ValidationError(
        "expected a number of seconds above 0, and at most 86400")
    }
    return seconds
  }

  /// Where it listens; `nil` for nowhere.
  private func listenAddress() throws -> ListenAddress? {
    if listen == nil, textfile != nil { return nil }
    let text = listen ?? Self.defaultListen
    guard let address = ListenAddress(text) else {
      throw ValidationError(
        "'\(text)' is invalid; expected an address and a port, such as "
          + "\(Self.defaultListen) or [::]:9816")
    }
    return address
  }

  private func client() throws -> PortServerClient {
    let address =
      server ?? environmentVariable("PORTSERVER_ADDRESS") ?? Self.defaultServer
    do {
      return try PortServerClient(
        at: address, alternative: "name another one (--server)")
    } catch {
      throw ValidationError(error.description)
    }
  }

  func validate() throws {
    _ = try listenAddress()
    _ = try client()
    if let textfile, textfile.isEmpty || textfile.utf8.last == 0x2F {
      throw ValidationError(
        "--textfile '\(textfile)' is not a file; expected a path such as "
          + "/var/lib/prometheus/node-exporter/portserver.prom")
    }
  }

  func run() throws {
    ignoreBrokenPipeSignal()
    ignoreFileSizeSignal()
    let descriptors = raiseDescriptorLimit()
    // Before there are threads, which inherit the mask.
    let signals = try SignalQueue()
    let observed = ObservedServer(try client(), timeout: .seconds(timeout))
    let http = try serve(
      observed,
      maxConnections: min(max(descriptors / 2, 16), Self.maxConnections))
    let notifier = try ServiceNotifier.fromEnvironment()
    notifier?.send(.ready)
    try wait(for: signals, observed)
    notifier?.send(.stopping)
    signals.restoreDefaultActions()
    if let textfile { MetricsFile(at: textfile).remove() }
    http?.close()
  }

  private func serve(
    _ server: ObservedServer, maxConnections: Int
  ) throws -> HTTPSite? {
    guard let address = try listenAddress() else { return nil }
    do {
      let history = History()
      var options = PageOptions()
      options.showsCommands = showCommands
      let http = try HTTPSite(
        Site(server, history: history, options), at: address,
        maxConnections: maxConnections)
      http.every(Self.sampleInterval) { server.read { history.add($0) } }
      log(
        "listening on \(http.url)"
          + (address.isReachable
            ? ", where anybody who can connect sees all leases" : ""))
      return http
    } catch {
      let advice =
        error == .addressInUse
        ? "end the program that uses it, or name another one (--listen)"
        : "name another one (--listen)"
      throw Failure(
        "cannot listen on \(listen ?? Self.defaultListen): \(error); \(advice)")
    }
  }

  /// Writes the file, if there is one to write, until a signal asks it to stop.
  private func wait(
    for signals: borrowing SignalQueue, _ server: ObservedServer
  ) throws {
    var events = try EventQueue()
    try events.watch(signals.raw, as: 0)
    var writer = textfile.map { FileWriter(of: MetricsFile(at: $0), server) }
    while true {
      writer?.write()
      let next = writer.map { _ in Deadline(after: .seconds(interval)) }
      while try events.wait(until: next) == 0, next?.hasPassed != true {}
      while let signal = signals.next() {
        if signal != .user1 { return }
      }
    }
  }

  fileprivate static func log(_ message: String) {
    writeToStandardError(
      printable(
        ServiceManager.isStandardErrorJournal
          ? "<5>\(message)" : "portserver-exporter: \(message)"))
  }

  private func log(_ message: String) { Self.log(message) }
}

/// Writes the file with metrics, and says what is wrong, once.
private struct FileWriter {
  private let file: MetricsFile
  private let server: ObservedServer
  private var problem: String?

  init(of file: MetricsFile, _ server: ObservedServer) {
    self.file = file
    self.server = server
  }

  mutating func write() {
    let reading = server.readNow()
    var new: String?
    if case .failure(let error) = reading.result { new = error.description }
    do {
      try file.write(metrics(of: reading))
    } catch {
      new = "cannot write '\(file.path)': \(error.text)"
    }
    if let new, new != problem { PortserverExporter.log(new) }
    problem = new
  }
}

extension PortserverExporter {
  static func main() {
    do {
      if let index = indexOfNonUTF8Argument() {
        throw ValidationError("argument \(index) is not UTF-8; correct it")
      }
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      printError(failure.message, as: "portserver-exporter")
      exitProcess(with: 1)
    } catch let error as Errno {
      printError(
        "cannot serve: \(error); free what the system is short of",
        as: "portserver-exporter")
      exitProcess(with: 1)
    } catch {
      let code = exitCode(for: error)
      // --help and --version end here.
      if code == .success { exit(withError: error) }
      printError(message(for: error), as: "portserver-exporter")
      exitProcess(with: code.rawValue)
    }
  }
}

/// Why the exporter cannot serve.
private struct Failure: Error {
  let message: String

  init(_ message: String) {
    self.message = message
  }
}
