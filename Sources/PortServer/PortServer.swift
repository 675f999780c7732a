package import HostSystem
package import Logging
import PortLeasing
package import PortLedger
package import SystemPackage

/// The daemon: it leases ports to processes until they end.
///
/// One thread does everything, turn by turn. A turn waits until something is
/// ready, then handles, in this order:
///
/// 1. signals and ends of processes, so that ports are free again, and no pid is
///    stale, before a client is served;
/// 2. connected clients, because they came first;
/// 3. at most 32 new clients for each address, so that a stream of new clients does
///    not starve the others;
/// 4. one short part of one list: lists get the time that is left;
/// 5. some holders of an earlier server's leases, until all have been checked. A request
///    that depends on the others has them checked at once;
/// 6. what is due: clients' deadlines; once a second, checks of what no event
///    reports; the service manager's watchdog.
///
/// epoll is level-triggered: the next turn reports what this one leaves. Nothing
/// in a turn waits, and the cost of each client is bounded, except that of the one that has
/// all holders checked.
///
/// The parts, each of which uses only those below it:
///
/// - ``Listeners`` accepts clients.
/// - ``Connections`` reads their requests and enforces their deadlines.
/// - ``RequestHandler`` answers requests.
/// - ``Desk`` decides whether a process gets a port, and who may return one, by
///   ``Rights``.
/// - ``ProcessFinder`` knows which process a request means, and which have ended.
/// - ``LeaseBook`` has the leases and the ledger.
package final class PortServer {
  private let listeners: Listeners
  private let connections: Connections
  private let handler: RequestHandler
  private let processes: ProcessFinder
  private let book: LeaseBook
  private let clock = RequestClock()
  private let events: Events
  private let log: Logger
  private let signals: SignalQueue
  private let notifier: ServiceNotifier?
  private let watchdogInterval: Duration?
  private var watchdog: Deadline?
  /// How many leased ports the service manager was told of.
  private var reportedPorts: Int?
  /// When to check what no event reports.
  private var nextCheck = Deadline(after: .seconds(1))
  private var isStopping = false

  /// How many descriptors are for probes, `/proc` and the like.
  private static let spareDescriptors = 32

  /// How many holders of an earlier server's leases are checked before it listens, and
  /// in each turn.
  ///
  /// To check one takes as long as to answer a request.
  private static let checkBatch = 32

  /// Creates a server, which serves when it is run.
  ///
  /// - Parameters:
  ///   - sockets: Where it listens.
  ///   - options: How it serves.
  ///   - ledger: Where leases are recorded; `nil` for nowhere.
  ///   - signals: What tells it to stop.
  ///   - log: Where it logs.
  /// - Throws: What the system is short of, such as `Errno.tooManyOpenFiles`.
  package init(
    listeningOn sockets: [Listener], options: ServerOptions,
    ledger: ServerLedger?, signals: consuming SignalQueue, log: Logger
  ) throws(Errno) {
    self.log = log
    let descriptors = max(options.descriptorLimit - Self.spareDescriptors, 2)
    let maxClients = max(min(options.maxClients, descriptors / 2), 1)
    if maxClients < options.maxClients {
      log.warning(
        """
        at most \(maxClients) clients are served at a time, not \
        \(options.maxClients) (--max-clients), because this process may have \
        only \(options.descriptorLimit) descriptors open; raise the limit to \
        \(2 * options.maxClients + Self.spareDescriptors) (LimitNOFILE=, ulimit -n)
        """)
    }
    events = try Events()
    let warnings = RareWarnings(log: log)
    let rights = Rights(allowsForeignPIDs: options.allowsForeignPIDs)
    book = LeaseBook(
      pool: options.pool, ledger: ledger, log: log, warnings: warnings)
    processes = try ProcessFinder(
      descriptorLimit: descriptors - maxClients, book: book, warnings: warnings)
    handler = RequestHandler(
      Desk(book, processes, rights, options, clock), book, processes, rights,
      clock, pool: options.pool, log: log, warnings: warnings)
    connections = Connections(
      handler, events, clock, maxClients: maxClients, options, log: log,
      warnings: warnings)
    listeners = Listeners(
      sockets, connections, events, log: log, warnings: warnings)
    notifier = try ServiceNotifier.fromEnvironment()
    watchdogInterval = ServiceManager.watchdogInterval
    self.signals = signals
    processes.adopt(book.restore())
    processes.checkAdopted(atMost: Self.checkBatch)
  }

  /// Serves until `SIGINT`, `SIGTERM` or `SIGHUP` comes.
  ///
  /// Then it answers the clients that have asked, and removes the socket files. A
  /// second signal ends the process at once.
  ///
  /// - Throws: What `epoll_ctl(2)` or `epoll_wait(2)` reports.
  package func run() throws(Errno) {
    try start()
    if let watchdogInterval { watchdog = Deadline(after: watchdogInterval / 2) }
    notifier?.send(.ready)
    reportStatus()
    while !isStopping { try turn(until: nextDeadline) }
    notifier?.send(.stopping)
    signals.restoreDefaultActions()
    listeners.close()
    book.removeUnusedLedger()
    logFigures(handler.statisticsLines)
    log.notice("stopped")
  }

  /// Begins to listen; ``run()`` calls it.
  ///
  /// - Throws: What `epoll_ctl(2)` reports.
  package func start() throws(Errno) {
    try events.watch(signals.raw, as: .signals)
    try events.watch(processes.raw, as: .processes)
    try listeners.listen()
  }

  /// Handles what is ready; ``run()`` calls it until it is told to stop.
  ///
  /// - Parameter deadline: Until when to wait for something to handle.
  /// - Throws: What `epoll_wait(2)` reports.
  package func turn(until deadline: Deadline?) throws(Errno) {
    let count =
      connections.hasListParts || processes.hasUnchecked
      ? try events.poll() : try events.wait(until: deadline)
    for index in 0..<count {
      switch events[index] {
      case .signals: readSignals()
      case .processes: try processes.reclaimEnded()
      case .client, .listener: break
      }
    }
    clock.read()
    for index in 0..<count {
      if case .client(let number) = events[index] {
        connections.handleEvent(on: number)
      }
    }
    for index in 0..<count {
      if case .listener(let number) = events[index] {
        listeners.accept(from: number)
      }
    }
    connections.sendListPart()
    processes.checkAdopted(atMost: Self.checkBatch)
    handleDeadlines()
  }

  private func readSignals() {
    while let signal = signals.next() {
      switch signal {
      case .user1:
        processes.checkAdopted()
        logFigures(handler.allLines(clientCount: connections.count))
      case .interrupt, .terminate, .hangUp:
        log.notice("stopping: \(signal.name)")
        isStopping = true
        // A second one has its default effect, even if it has arrived already.
        return
      }
    }
  }

  // MARK: - Time

  private var nextDeadline: Deadline {
    var next = nextCheck
    if let deadline = connections.nextDeadline { next = min(next, deadline) }
    if let deadline = listeners.nextDeadline { next = min(next, deadline) }
    if let watchdog { next = min(next, watchdog) }
    return next
  }

  private func handleDeadlines() {
    connections.closeOverdue()
    if nextCheck.hasPassed {
      processes.checkUnwatched()
      book.repairLedger()
      listeners.restoreSocketFiles()
      reportStatus()
      nextCheck = Deadline(after: .seconds(1))
    }
    listeners.resume()
    if let watchdog, watchdog.hasPassed, let watchdogInterval {
      notifier?.send(.watchdog)
      self.watchdog = Deadline(after: watchdogInterval / 2)
    }
  }

  // MARK: - What it reports

  /// Tells the service manager how many ports are leased, if that has changed.
  private func reportStatus() {
    let usage = book.usage
    if usage.leased == reportedPorts { return }
    reportedPorts = usage.leased
    notifier?.send(
      .status(
        "Listening on \(addressText); \(usage.leased) of \(usage.ports) ports "
          + "leased"))
  }

  /// Where it listens, in words.
  package var addressText: String { listeners.addressText }

  private func logFigures(_ lines: [String]) {
    for line in lines { log.notice("\(line)") }
  }

  /// What it has counted, for the fuzzer.
  var statistics: ServerStatistics { handler.statistics }
  /// How the pool is used, for the fuzzer.
  var usage: PoolUsage { book.usage }
  /// Whether it waits for clients, for the fuzzer.
  var hasClients: Bool { !connections.isEmpty }
}
