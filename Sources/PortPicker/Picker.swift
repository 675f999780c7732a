package import HostSystem
import PortLeasing
import PortLedger
import Synchronization
import SystemPackage

/// What was picked.
package struct Pick: Sendable {
  package let ports: [UInt16]
  /// The sockets of each port; none where none are to be kept.
  package let sockets: [KeptSockets]
  /// Whether a port server gave the ports.
  package let isFromServer: Bool
  /// The picker that knows of them.
  let picker: Picker
}

/// Picks ports for this process: it knows what the process has, and asks the
/// process's own free ports, port servers and the ledger in turn.
///
/// It is for one process and one network namespace; see ``shared``.
package final class Picker: Sendable {
  /// Which process it is of (``forkGeneration()``).
  let generation = forkGeneration()
  /// The number of the network namespace that it picks in.
  let network: UInt64
  /// The picker that was made before it.
  let previous: Picker?
  /// Where what waits runs in this network namespace.
  let threads = WaitingThreads()

  private let state = ForkableMutex(State())
  private let ledger = AtomicLazyReference<Ledger>()
  private let knownConditions = AtomicLazyReference<NetworkConditions>()
  private let knownCommandLines = AtomicLazyReference<CommandLineReader>()
  /// Whether there have ever been ports that this process may use again.
  private let hadFreePorts = Atomic(false)

  init(of network: UInt64, after previous: Picker?) {
    self.network = network
    self.previous = previous
  }

  private struct State {
    /// Ports that this process may use again.
    var free: Set<UInt16> = []
    /// Ports in use that come back to the free ones.
    var reusable: Set<UInt16> = []
    /// Ports that are leased in the ledger, and to whom.
    var leases: [UInt16: ProcessIdentity] = [:]
    /// Ports that a server gave.
    var served: [UInt16: ServedPort] = [:]

    /// Forgets a port that is given back.
    ///
    /// - Returns: Whether it was known.
    mutating func forget(_ port: UInt16) -> Bool {
      let wasLeased = leases.removeValue(forKey: port) != nil
      if reusable.remove(port) != nil {
        free.insert(port)
        return true
      }
      return served.removeValue(forKey: port) != nil || wasLeased
    }

    /// Knows of a port again what was known of it before.
    mutating func remember(_ port: UInt16, as before: State) {
      leases[port] = before.leases[port]
      if before.reusable.contains(port) {
        free.remove(port)
        reusable.insert(port)
      }
      served[port] = before.served[port]
    }
  }

  /// A port that a server gave.
  struct ServedPort: Hashable {
    let client: PortServerClient
    /// The process that it is for.
    let pid: Int32
    /// Whether that is this process.
    let isOwn: Bool
  }

  /// Picks ports.
  package func pick(_ request: PickRequest) throws(PortPickerError) -> Pick {
    let pool = try request.validatedPool()
    let holder = try Holder(request.pid)
    var picker = self
    // A thread changes its network namespace itself, so once is enough.
    for _ in 0..<2 {
      if let pick = picker.reuse(request, pool, holder) { return pick }
      if let pick = try picker.pickFromServer(request, holder) { return pick }
      if let pick = try picker.pickFromLedger(
        request, pool, holder.identity.get())
      {
        return pick
      }
      picker = .ofThisThread()
    }
    throw PortPickerError(
      .systemFailure, "the network namespace of this thread cannot be told")
  }

  /// Gives ports back.
  ///
  /// - Returns: Whether all of them were ports that this process had picked,
  ///   or reserved, and not given back yet.
  package func giveBack(
    _ ports: [UInt16], timeout: Duration = PickOptions().timeout
  ) throws(PortPickerError) -> Bool {
    let (areKnown, before) = state.withLock { state in
      let before = state
      return (ports.reduce(true) { state.forget($1) && $0 }, before)
    }
    var leases: [ProcessIdentity: [UInt16]] = [:]
    var served: [ServedPort: [UInt16]] = [:]
    for port in ports {
      if let lease = before.leases[port] {
        leases[lease, default: []].append(port)
      }
      if let place = before.served[port] {
        served[place, default: []].append(port)
      }
    }
    do throws(PortPickerError) {
      for (place, ports) in served {
        try giveBack(ports, to: place, timeout: timeout)
      }
      for (holder, ports) in leases {
        let ledger = try openLedger()
        let deadline = Deadline(after: timeout)
        try convertingErrors { () throws(LeasingError) in
          try ledger.giveBack(ports, of: holder, deadline: deadline)
        }
      }
    } catch {
      // It can be tried again.
      state.withLock { state in
        for port in ports { state.remember(port, as: before) }
      }
      throw error
    }
    return areKnown
  }

  /// Gives ports back, on a thread that waits, and warns if that fails.
  func giveBackLater(_ ports: [UInt16]) {
    @Sendable func warn(_ error: PortPickerError) {
      for port in ports { warnOfLostPort(Int(port), error) }
    }
    do throws(PortPickerError) {
      // This thread may have another network namespace by now, and a thread
      // that it starts has the same.
      try Self.ofThisThread().wait {
        do throws(PortPickerError) {
          _ = try self.giveBack(ports)
        } catch {
          warn(error)
        }
      }
    } catch {
      warn(error)
    }
  }

  /// Runs something that waits on a thread where waiting harms nobody.
  ///
  /// - Throws: `systemFailure` where there is none.
  func wait(
    for body: @escaping @Sendable () -> Void
  ) throws(PortPickerError) {
    do {
      try threads.run(body)
    } catch {
      throw PortPickerError(
        .systemFailure,
        "no thread can be started to wait on: \(error); free what the system "
          + "is short of", error)
    }
  }

  /// Adds a port that this process got by other means to its free ones.
  package func reserve(_ port: UInt16) {
    gotFree([port])
  }
}

// MARK: - What the process has

extension Picker {
  func freePorts() -> Set<UInt16> {
    // Mostly there are none, and threads that pick need not queue up for that.
    hadFreePorts.load(ordering: .relaxed) ? state.withLock { $0.free } : []
  }

  /// Ports that the process may use came in.
  func gotFree(_ ports: [UInt16]) {
    hadFreePorts.store(true, ordering: .relaxed)
    state.withLock { state in
      state.reusable.subtract(ports)
      state.free.formUnion(ports)
    }
  }

  /// Some of the free ports were picked for this process.
  func reused(_ ports: [UInt16]) {
    state.withLock { state in
      state.free.subtract(ports)
      state.reusable.formUnion(ports)
    }
  }

  /// A server gave ports.
  func got(_ ports: [UInt16], from place: ServedPort) {
    state.withLock { state in
      state.free.subtract(ports)
      for port in ports { state.served[port] = place }
    }
  }

  /// The ledger has ports for a process now.
  func leased(_ ports: [UInt16], to holder: ProcessIdentity) {
    state.withLock { state in
      for port in ports { state.leases[port] = holder }
    }
  }

  /// Whether this process has a port from this picker.
  func knows(_ port: UInt16) -> Bool {
    state.withLock { state in
      state.leases[port] != nil || state.served[port] != nil
        || state.reusable.contains(port)
    }
  }

  /// What the kernel does with ports, as it was when it was first asked.
  var conditions: NetworkConditions {
    knownConditions.load() ?? knownConditions.storeIfNil(NetworkConditions())
  }

  /// What reads the command lines of holders.
  package var commandLines: CommandLineReader {
    knownCommandLines.load()
      ?? knownCommandLines.storeIfNil(CommandLineReader())
  }

  /// The user's ledger, opened when it is first needed.
  func openLedger() throws(PortPickerError) -> Ledger {
    if let ledger = ledger.load() { return ledger }
    return ledger.storeIfNil(try Self.locateLedger())
  }
}
