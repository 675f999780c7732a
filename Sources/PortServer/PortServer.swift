package import HostSystem
package import Logging
import PortLeasing
package import PortLedger
import PortProtocol
package import SystemPackage

/// The host daemon: leases ports to processes until they end.
///
/// One thread does everything, a turn after another. A turn waits until
/// something can be read, and then handles, in this order,
///
/// 1. signals and the ends of processes, so that ports are back, and no pid is
///    stale, before anybody is served;
/// 2. clients that are connected, for they came first;
/// 3. a bounded number of new ones, so that clients who keep coming starve
///    nobody;
/// 4. one short part of one list, for lists get what the others leave over;
/// 5. what is due: clients who take too long; once a second, what nobody reports;
///    and the service manager, who wants to hear that all is well.
///
/// epoll is level-triggered: what a turn leaves is reported in the next. Nothing
/// in a turn waits; what a client costs is bounded, whatever it does.
package final class PortServer {
  let options: ServerOptions
  let log: Logger
  var events: EventQueue
  var statistics: ServerStatistics
  var table: LeaseTable
  let ports = HostPorts()
  var processes: KnownProcesses
  /// Processes without ports that are known for a while, the oldest first.
  var idle: [Int32] = []
  let maxIdle: Int
  /// Where leases are written down, if they are.
  let ledger: ServerLedger?
  let ownUser = effectiveUserID()
  /// Whether this server's process 1 is the host's init.
  let isInHostNamespace =
    ((try? Namespace.process()) ?? .hostProcess) == .hostProcess
  /// Whether each lease is told of.
  let logsLeases: Bool
  /// Those from whom something is waited for.
  var clients = ConnectedClients()
  /// Those whose turn it will be to be sent the next part of a list, the first
  /// one first; some may have gone.
  var line: [Client] = []
  /// When clients have to be looked at for those who take too long.
  var sweep: Deadline?
  let maxClients: Int
  let maxClientsPerUser: Int
  /// Whether `/proc` hides processes, and until when that is believed.
  var hiding: (isOn: Bool, until: Deadline)?
  var warnings = RareWarnings()

  let listeners: [Listener]
  private let signals: SignalQueue
  private let notifier: ServiceNotifier?
  private let watchdogInterval: Duration?
  private var watchdog: Deadline?
  /// How many leased ports the service manager knows of.
  private var leasedPortsTold: Int?
  /// Whether the listeners are watched.
  private var isListening = false
  /// When to accept again after the system ran short of something.
  private var acceptPause: Deadline?
  /// When to look after what others may have changed.
  private var upkeep = Deadline(after: .seconds(1))
  private var isStopping = false

  /// How many descriptors are for probes, `/proc` and the like.
  private static let spareDescriptors = 32
  /// How many clients are accepted in a turn.
  private static let acceptBatch = 32

  /// A server that begins to serve when it is run.
  ///
  /// - Parameters:
  ///   - listeners: Where it listens.
  ///   - options: How it serves.
  ///   - ledger: Where leases are written down, if they are.
  ///   - signals: What tells it to stop.
  ///   - log: Where it says what it does.
  /// - Throws: What the system is short of, or `LeasingError` where the ledger
  ///   cannot be read.
  package init(
    listeningOn listeners: [Listener], options: ServerOptions,
    ledger: ServerLedger?, signals: consuming SignalQueue, log: Logger
  ) throws {
    self.options = options
    self.log = log
    logsLeases = log.logLevel <= .info
    events = try EventQueue()
    statistics = ServerStatistics(portsManaged: options.pool.count)
    table = LeaseTable(pool: options.pool)
    let descriptors = max(
      options.descriptorLimit - Self.spareDescriptors, 2)
    maxClients = max(min(options.maxClients, descriptors / 2), 1)
    maxClientsPerUser = options.maxClientsPerUser ?? max(maxClients / 4, 1)
    if maxClients < options.maxClients {
      log.warning(
        """
        at most \(maxClients) clients are served at a time, not \
        \(options.maxClients) (--max-clients), as this process may have only \
        \(options.descriptorLimit) descriptors open; let it have \
        \(2 * options.maxClients + Self.spareDescriptors) (LimitNOFILE=, ulimit -n)
        """)
    }
    let processLimit = descriptors - maxClients
    processes = try KnownProcesses(descriptorLimit: processLimit)
    maxIdle = min(256, max(processLimit / 4, 1))
    self.ledger = ledger
    notifier = try ServiceNotifier.fromEnvironment()
    watchdogInterval = ServiceManager.watchdogInterval
    self.listeners = listeners
    self.signals = signals
    if let ledger {
      try restoreLeases(from: ledger)
      ledger.removeStaleLedgers()
    }
  }

  /// Serves until `SIGINT`, `SIGTERM` or `SIGHUP` comes.
  ///
  /// Then who has asked is answered, and the socket file is removed. A second
  /// signal ends the process at once.
  ///
  /// - Throws: Where the system does not let it wait or listen.
  package func run() throws(Errno) {
    try start()
    if let watchdogInterval { watchdog = Deadline(after: watchdogInterval / 2) }
    notifier?.send(.ready)
    tellStatus()
    while !isStopping { try turn(until: nextDeadline) }
    notifier?.send(.stopping)
    signals.restoreDefaults()
    for listener in listeners { listener.removeFile() }
    drain()
    ledger?.removeIfUnused()
    logStatistics()
    log.notice("stopped")
  }

  /// Begins to listen; ``run()`` does that by itself.
  ///
  /// - Throws: What `epoll_ctl(2)` says.
  package func start() throws(Errno) {
    try events.watch(signals.raw, as: EventSource.signals.token)
    try events.watch(processes.raw, as: EventSource.processes.token)
    try listen()
  }

  /// Handles what there is to handle; ``run()`` does nothing else until it is
  /// told to stop.
  ///
  /// - Parameter deadline: Until when to wait for something, at most.
  /// - Throws: What `epoll_wait(2)` says.
  package func turn(until deadline: Deadline?) throws(Errno) {
    let count =
      line.isEmpty ? try events.wait(until: deadline) : try events.poll()
    for index in 0..<count {
      switch EventSource(token: events[index]) {
      case .signals: readSignals()
      case .processes: try reclaimEnded()
      case .client, .listener: break
      }
    }
    for index in 0..<count {
      if case .client(let number) = EventSource(token: events[index]) {
        hear(from: number)
      }
    }
    for index in 0..<count {
      if case .listener(let number) = EventSource(token: events[index]) {
        _ = accept(from: listeners[number], atMost: Self.acceptBatch)
      }
    }
    sendListPart()
    doWhatIsDue()
  }

  private func readSignals() {
    while let signal = signals.next() {
      switch signal {
      case .user1: logStatistics()
      case .interrupt, .terminate, .hangUp:
        log.notice("stopping: \(signal.name)")
        isStopping = true
        // A second one does what it does by default, also if it is here already.
        return
      }
    }
  }

  /// Tells the service manager how many ports are leased, if it does not know.
  private func tellStatus() {
    let usage = table.usage
    if usage.leased == leasedPortsTold { return }
    leasedPortsTold = usage.leased
    notifier?.send(
      .status(
        "Listening on \(addressText); \(usage.leased) of \(usage.ports) ports "
          + "leased"))
  }

  /// Where it listens, in words.
  package var addressText: String {
    listeners.map(\.address.text).joined(separator: " and ")
  }

  private func logStatistics() {
    for line in statistics.lines { log.notice("\(line)") }
  }
}

// MARK: - Accepting

extension PortServer {
  private func listen() throws(Errno) {
    if isListening { return }
    for (index, listener) in listeners.enumerated() where !listener.isWatched {
      let source = EventSource.listener(index)
      try events.watch(listener.socket.raw, as: source.token)
      listener.isWatched = true
    }
    isListening = true
  }

  private func stopListening() {
    for listener in listeners where listener.isWatched {
      events.forget(listener.socket.raw)
      listener.isWatched = false
    }
    isListening = false
  }

  /// Listens anew where a listener's socket file is not there any more.
  ///
  /// Who has connected to the old one is served first; where there is no room for
  /// them now, it is done later.
  ///
  /// - Returns: Whether that was done.
  /// - Throws: Why it cannot.
  func restoreSocket(
    of listener: Listener
  ) throws(UnixServerSocketError) -> Bool {
    if listener.socket.isInPlace { return false }
    drainQueue(of: listener)
    if isFull { return false }
    let new = try listener.socket.replacement()
    stopListening()
    listener.socket = new
    return true
  }

  /// Whether there is no place for another client.
  private var isFull: Bool {
    clients.count >= maxClients && clients.longestIdle == nil
  }

  /// Accepts and serves.
  ///
  /// - Returns: Whether there may be more.
  private func accept(from listener: Listener, atMost limit: Int) -> Bool {
    for count in 0..<limit {
      if isFull {
        stopListening()
        return false
      }
      // Of the first one it is known, mostly.
      if count > 0, !listener.socket.hasPendingConnection { return false }
      do {
        guard let connection = try listener.socket.accept() else {
          return false
        }
        greet(connection)
      } catch {
        pauseAccepting(because: error)
        return false
      }
    }
    return true
  }

  /// Accepts nobody for a while, for a connection that cannot be accepted would
  /// be reported for ever.
  private func pauseAccepting(because error: Errno) {
    warnings.say(.accept, to: log, "cannot accept clients: \(error)")
    stopListening()
    acceptPause = Deadline(after: .milliseconds(100))
  }

  /// Answers those who have asked by now, and closes the other connections.
  private func drain() {
    // What comes while this runs must not make it run for ever.
    for _ in 0..<256 {
      var mayBeMore = false
      for listener in listeners
      where accept(from: listener, atMost: Self.acceptBatch) {
        mayBeMore = true
      }
      // Those who are done make room for those who wait in the queue.
      if clients.count >= maxClients { mayBeMore = true }
      for client in clients.all { finish(client) }
      clients = ConnectedClients()
      if !mayBeMore { break }
    }
  }

  /// Accepts those who have connected by now.
  private func drainQueue(of listener: Listener) {
    // What comes while this runs must not make it run for ever.
    for _ in 0..<256
    where !accept(from: listener, atMost: Self.acceptBatch) { break }
  }
}

// MARK: - Time

extension PortServer {
  private var nextDeadline: Deadline {
    var next = upkeep
    if let sweep { next = min(next, sweep) }
    if let watchdog { next = min(next, watchdog) }
    if let acceptPause { next = min(next, acceptPause) }
    return next
  }

  private func doWhatIsDue() {
    if let sweep, sweep.hasPassed { sweepClients() }
    if upkeep.hasPassed {
      checkUnwatched()
      lookAfterFiles()
      tellStatus()
      upkeep = Deadline(after: .seconds(1))
    }
    if let acceptPause, acceptPause.hasPassed { self.acceptPause = nil }
    if !isListening, acceptPause == nil, !isFull {
      do {
        try listen()
      } catch {
        pauseAccepting(because: error)
      }
    }
    if let watchdog, watchdog.hasPassed, let watchdogInterval {
      notifier?.send(.watchdog)
      self.watchdog = Deadline(after: watchdogInterval / 2)
    }
  }
}
