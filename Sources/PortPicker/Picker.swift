import HostSystem
import PortLeasing
import Synchronization
import SystemPackage

/// What was picked.
package struct Pick: Sendable {
  package let ports: [UInt16]
  /// The sockets of each port; none where none are to be kept.
  package let sockets: [KeptSockets]
  /// Whether a port server gave the ports.
  package let isFromServer: Bool
}

/// Picks ports for this process: it knows what the process has, and asks the
/// process's own free ports, port servers and the ledger in turn.
package final class Picker: Sendable {
  package static let shared = Picker()

  private let state = Mutex(State())
  private let ledger = Mutex<Ledger?>(nil)

  private struct State {
    /// Ports that this process may use again.
    var free: Set<UInt16> = []
    /// Ports in use that come back to the free ones: from a server, or
    /// reserved.
    var reusable: Set<UInt16> = []
    /// Ports that are leased in the ledger, and to whom.
    var leases: [UInt16: ProcessIdentity] = [:]
    /// Ports that a server gave for other processes.
    var foreign: Set<UInt16> = []
  }

  /// Picks ports.
  package func pick(_ request: PickRequest) throws(PortPickerError) -> Pick {
    let pool = try request.validatedPool()
    let holder = try Holder(request.pid)
    if let pick = reuse(request, holder) { return pick }
    if let pick = try pickFromServer(request, holder) { return pick }
    return try pickFromLedger(request, pool, holder.identity.get())
  }

  /// Gives ports back.
  ///
  /// - Returns: Whether all of them were ports that this process had picked,
  ///   or reserved, and not given back yet.
  package func giveBack(
    _ ports: [UInt16], timeout: Duration = PickOptions().timeout
  ) throws(PortPickerError) -> Bool {
    var leases: [ProcessIdentity: [UInt16]] = [:]
    let areKnown = state.withLock { state in
      var areKnown = true
      for port in ports {
        let lease = state.leases.removeValue(forKey: port)
        if let lease { leases[lease, default: []].append(port) }
        if state.reusable.remove(port) != nil {
          state.free.insert(port)
        } else if state.foreign.remove(port) == nil, lease == nil {
          areKnown = false
        }
      }
      return areKnown
    }
    for (holder, ports) in leases {
      let ledger = try openLedger()
      let deadline = Deadline(after: timeout)
      try convertingErrors { () throws(LeasingError) in
        try ledger.giveBack(ports, of: holder, deadline: deadline)
      }
    }
    return areKnown
  }

  /// Adds a port that this process got by other means to its free ones.
  package func reserve(_ port: UInt16) {
    gotFree([port])
  }
}

// MARK: - What the process has

extension Picker {
  func freePorts() -> Set<UInt16> {
    state.withLock { $0.free }
  }

  /// Ports that the process may use came in.
  func gotFree(_ ports: [UInt16]) {
    state.withLock { state in
      state.reusable.subtract(ports)
      state.free.formUnion(ports)
    }
  }

  /// Ports were picked, from a server or from the free ones, for this process
  /// or for another.
  func got(_ ports: [UInt16], isOwn: Bool) {
    state.withLock { state in
      if isOwn {
        state.free.subtract(ports)
        state.reusable.formUnion(ports)
      } else {
        state.foreign.formUnion(ports)
      }
    }
  }

  /// The ledger has ports for a process now.
  func leased(_ ports: [UInt16], to holder: ProcessIdentity) {
    state.withLock { state in
      for port in ports { state.leases[port] = holder }
    }
  }

  /// The user's ledger, opened when it is first needed.
  func openLedger() throws(PortPickerError) -> Ledger {
    try ledger.withLock { ledger throws(PortPickerError) in
      if let ledger { return ledger }
      let located = try Self.locateLedger()
      ledger = located
      return located
    }
  }
}
