package import HostSystem
import PortLeasing
import PortLedger
import Synchronization
import SystemPackage

/// Picked ports.
package struct Pick: Sendable {
  package let ports: [UInt16]
  /// The sockets of each port; empty if none are kept.
  package let sockets: [KeptSockets]
  /// Whether a port server leased the ports.
  package let isFromServer: Bool
  /// The picker that keeps track of them.
  let picker: Picker
}

/// Picks ports: it keeps track of the ports that this process has, and tries the
/// process's own free ports, port servers, and the ledger in turn.
///
/// A picker belongs to one process and one network namespace; see ``shared``.
package final class Picker: Sendable {
  /// The process that it belongs to (``forkGeneration()``).
  let generation = forkGeneration()
  /// The number of the network namespace that it picks in.
  let network: UInt64
  /// The picker that was created before it.
  let previous: Picker?
  /// Threads for blocking work, in this network namespace.
  let threads = WaitingThreads()

  private let ports = ForkableMutex(OwnPorts())
  private let ledger = Atomic<Unmanaged<Ledger>?>(nil)
  private let knownConditions = Atomic<Unmanaged<NetworkConditions>?>(nil)
  private let knownCommandLines = Atomic<Unmanaged<CommandLineReader>?>(nil)
  /// Whether there have ever been free ports.
  private let hadFreePorts = Atomic(false)

  init(of network: UInt64, after previous: Picker?) {
    self.network = network
    self.previous = previous
  }

  /// Picks ports.
  package func pick(_ request: PickRequest) throws(PortPickerError) -> Pick {
    let pool = try request.validatedPool()
    let holder = try Holder(request.pid)
    var picker = self
    // Only the thread itself changes its network namespace, so it cannot change
    // again in between.
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
      .systemFailure, "cannot determine the network namespace of this thread")
  }

  /// Runs something that blocks on a thread that may block.
  ///
  /// - Throws: `systemFailure` if no thread can be started.
  func wait(
    for body: @escaping @Sendable () -> Void
  ) throws(PortPickerError) {
    do {
      try threads.run(body)
    } catch {
      throw PortPickerError(
        .systemFailure,
        "cannot start a thread: \(error); end processes or threads, or raise the "
          + "limit (ulimit -u)", error)
    }
  }

  /// Adds a port that this process got by other means to its free ports.
  package func reserve(_ port: UInt16) {
    addFree([port])
  }
}

// MARK: - What the process has

extension Picker {
  func freePorts() -> Set<UInt16> {
    // Most processes never have any, and threads that pick need not queue for it.
    hadFreePorts.load(ordering: .relaxed) ? ports.withLock { $0.free } : []
  }

  func addFree(_ free: some Collection<UInt16>) {
    if free.isEmpty { return }
    hadFreePorts.store(true, ordering: .relaxed)
    ports.withLock { $0.addFree(free) }
  }

  func pickFree(_ free: [UInt16]) {
    ports.withLock { $0.pickFree(free) }
  }

  func addServed(_ served: [UInt16], from place: OwnPorts.ServedPort) {
    ports.withLock { $0.addServed(served, from: place) }
  }

  func addLeased(_ leased: [UInt16], to holder: ProcessIdentity) {
    ports.withLock { $0.addLeased(leased, to: holder) }
  }

  func remove(_ removed: [UInt16]) -> OwnPorts.ReturnPlan {
    ports.withLock { $0.remove(removed) }
  }

  func restore(_ plan: OwnPorts.ReturnPlan) {
    ports.withLock { $0.restore(plan) }
  }

  /// Whether this process has a port from this picker.
  func knows(_ port: UInt16) -> Bool {
    ports.withLock { $0.contains(port) }
  }

  /// The kernel's settings for ports when they were first read.
  var conditions: NetworkConditions {
    knownConditions.reference()
      ?? knownConditions.storeIfNil(NetworkConditions())
  }

  /// Reads the command lines of holders.
  package var commandLines: CommandLineReader {
    knownCommandLines.reference()
      ?? knownCommandLines.storeIfNil(CommandLineReader())
  }

  /// The user's ledger, opened when it is first needed.
  func openLedger() throws(PortPickerError) -> Ledger {
    if let ledger = ledger.reference() { return ledger }
    return ledger.storeIfNil(try Self.locateLedger())
  }
}

// MARK: - References that are set once

// The standard library's `AtomicLazyReference` looks up generic types for each load
// (Swift 6.3), which took a twelfth of the instructions of a pick. Pickers are never
// freed, and neither are these.
extension Atomic {
  /// The reference, if it is set.
  fileprivate func reference<Instance>() -> Instance?
  where Value == Unmanaged<Instance>? {
    load(ordering: .acquiring)?.takeUnretainedValue()
  }

  /// Sets the reference, unless another thread was faster.
  ///
  /// - Returns: The reference that is set.
  fileprivate func storeIfNil<Instance>(_ new: Instance) -> Instance
  where Value == Unmanaged<Instance>? {
    let desired = Unmanaged.passRetained(new)
    let (isStored, known) = compareExchange(
      expected: nil, desired: desired, ordering: .acquiringAndReleasing)
    guard !isStored, let known else { return new }
    desired.release()
    return known.takeUnretainedValue()
  }
}
