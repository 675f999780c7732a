import HostSystem
import PortLeasing
import PortLedger
import PortServerClient

extension Picker {
  /// Returns ports of this process.
  ///
  /// If it throws, the ports that were not returned can be returned again.
  ///
  /// - Returns: Whether this process had all of them.
  package func returnPorts(
    _ ports: [UInt16], timeout: Duration = PickOptions().timeout
  ) throws(PortPickerError) -> Bool {
    let plan = remove(ports)
    var rest = plan
    do throws(PortPickerError) {
      for (place, ports) in plan.toServers {
        let refusal = returnServed(ports, to: place, within: timeout)
        rest.toServers[place] = refusal?.ports
        if let refusal { throw refusal.error }
      }
      for (holder, ports) in plan.toLedger {
        try returnLeased(ports, of: holder, timeout)
        rest.toLedger[holder] = nil
      }
    } catch {
      restore(rest)
      throw error
    }
    addFree(plan.reusable)
    return plan.unknown.isEmpty
  }

  /// Returns ports to the server that leased them.
  ///
  /// A port of this process that the server does not take, because it knows only
  /// version 1 of the protocol, cannot be reached, or refuses, is still leased to
  /// this process, which may pick it again.
  ///
  /// - Returns: The ports of another process that the server did not take, and the
  ///   reason; `nil` if it took all of them.
  func returnServed(
    _ ports: [UInt16], to place: OwnPorts.ServedPort, within timeout: Duration
  ) -> (ports: [UInt16], error: PortPickerError)? {
    let report = place.client.returnPorts(
      ports, of: place.pid, within: TimeLimit(timeout))
    let kept = report.refused.map(\.port) + report.unasked
    if place.isOwn {
      addFree(kept)
      for (port, error) in report.refused {
        Warnings.issue(
          "\(error.description). Port \(port) stays this process's own, to be "
            + "picked again")
      }
      return nil
    }
    guard let error = report.refused.first?.error ?? report.failure else {
      return nil
    }
    return (
      kept + (report.uncertain.map { [$0] } ?? []), PortPickerError(error)
    )
  }

  private func returnLeased(
    _ ports: [UInt16], of holder: ProcessIdentity, _ timeout: Duration
  ) throws(PortPickerError) {
    let ledger = try openLedger()
    let deadline = Deadline(after: timeout)
    try convertingErrors { () throws(LeasingError) in
      try ledger.release(ports, of: holder, deadline: deadline)
    }
  }

  /// Returns ports of this process on a thread that may wait; a warning says if
  /// that fails.
  func returnPortsLater(_ ports: [UInt16]) {
    @Sendable func warn(_ error: PortPickerError) {
      for port in ports { warnOfLostPort(Int(port), error) }
    }
    do throws(PortPickerError) {
      // This thread may have changed its network namespace, and a thread that it
      // starts inherits that.
      try Self.ofThisThread().wait {
        do throws(PortPickerError) {
          _ = try self.returnPorts(ports)
        } catch {
          warn(error)
        }
      }
    } catch {
      warn(error)
    }
  }
}

// MARK: - Ports of any process

/// Whose ports are returned.
package enum ReturnScope: Hashable, Sendable {
  /// Those of processes that this one descends from or shares a session with.
  case kin
  /// Those of one process.
  case process(Int32)
  /// Those of any process.
  case anybody

  fileprivate func includes(_ pid: Int32, _ kin: ProcessKin) -> Bool {
    switch self {
    case .kin: kin.contains(pid)
    case .process(let named): pid == named
    case .anybody: true
    }
  }
}

/// What became of ports that were to be returned.
package struct ReturnOutcome: Sendable {
  /// Ports that no process has, as far as the servers answered.
  package var unknown: [UInt16] = []
  /// Ports of processes outside the scope, and which those are.
  ///
  /// If there are any, no port is returned.
  package var foreign: [(port: UInt16, pid: Int32, name: String)] = []
  /// Why servers, which may have leased the unknown ports, did not answer; `nil` if
  /// all did.
  package var unanswered: String?
}

extension Picker {
  /// Returns leased ports, wherever they come from and whichever process of the
  /// scope has them.
  ///
  /// If the server refuses one of them, it still returns the others.
  ///
  /// - Throws: Why a port was not returned.
  package func returnLeases(
    of ports: [UInt16], _ scope: ReturnScope, _ options: PickOptions
  ) throws(PortPickerError) -> ReturnOutcome {
    _ = try PickRequest(options: options).validatedPool()
    let kin = ProcessKin()
    let (found, failures) = try askServers(of: options) {
      client throws(PortPickerError) in
      try client.find(ports, within: options.timeout)
    }
    let served = found?.leases ?? [:]
    let rest = ports.filter { served[$0] == nil }
    let inLedger =
      rest.isEmpty ? [:] : try ledgerHolders(of: rest, options.timeout)

    var outcome = ReturnOutcome()
    for port in ports {
      if let lease = served[port] {
        // If the server's pids mean nothing here, it decides whose port it is.
        guard found?.sharesPIDs == true else { continue }
        if scope.includes(lease.pid, kin) { continue }
        outcome.foreign.append((port, lease.pid, lease.name ?? "?"))
      } else if let holder = inLedger[port] {
        if scope.includes(holder.pid, kin) { continue }
        let name = processName(ofProcess: holder.pid)
        outcome.foreign.append((port, holder.pid, name))
      } else {
        outcome.unknown.append(port)
      }
    }
    guard outcome.foreign.isEmpty else { return outcome }
    for (port, holder) in inLedger {
      try returnLeased([port], of: holder, options.timeout)
    }
    if let found, !served.isEmpty {
      try found.returnAll(scope, kin, within: options.timeout, &outcome)
    }
    if outcome.unknown.isEmpty {
      failures.warn("The ports are returned to", isFromLedger: found == nil)
    } else {
      outcome.unanswered = failures.text
    }
    return outcome
  }

  private func ledgerHolders(
    of ports: [UInt16], _ timeout: Duration
  ) throws(PortPickerError) -> [UInt16: ProcessIdentity] {
    let wanted = Set(ports)
    var holders: [UInt16: ProcessIdentity] = [:]
    for (port, lease) in try ledgerContents(timeout).leases
    where wanted.contains(port) {
      holders[port] = lease.holder
    }
    return holders
  }
}

extension PortServerClient {
  fileprivate func find(
    _ ports: [UInt16], within timeout: Duration
  ) throws(PortPickerError) -> FoundLeases {
    let found = try convertingErrors { () throws(PortServerError) in
      try leases(
        of: ports, within: TimeLimit(timeout),
        lack: "cannot return ports; they come back when their process ends")
    }
    return FoundLeases(
      client: self,
      leases: found.leases.reduce(into: [:]) { $0[$1.port] = $1 },
      sharesPIDs: found.sharesPIDs)
  }
}

/// Leases that a server has.
private struct FoundLeases {
  let client: PortServerClient
  let leases: [UInt16: ServedLease]
  /// Whether the server's pids mean the same to this process.
  let sharesPIDs: Bool

  /// Returns all of them that processes of the scope have.
  func returnAll(
    _ scope: ReturnScope, _ kin: ProcessKin, within timeout: Duration,
    _ outcome: inout ReturnOutcome
  ) throws(PortPickerError) {
    var refusal: PortServerError?
    try convertingErrors { () throws(PortServerError) in
      var connection = try ServerConnection(
        to: client, within: TimeLimit(timeout))
      for (port, lease) in leases.sorted(by: { $0.key < $1.key }) {
        // The server knows our pids, even if its own mean nothing here.
        let holders: [Int32?] =
          switch scope {
          case .anybody: [nil]
          case .process(let pid): [pid]
          case .kin: sharesPIDs ? [lease.pid] : kin.ancestors
          }
        var isSettled = false
        for holder in holders where !isSettled {
          switch try connection.returnPort(port, of: holder) {
          case .returned: isSettled = true
          case .notHeld: break
          case .refused(let error):
            refusal = error
            isSettled = true
          case .versionOneOnly: throw client.tooOld("cannot return ports")
          }
        }
        if isSettled { continue }
        // It has changed hands since, or another process had it all along.
        if sharesPIDs {
          outcome.unknown.append(port)
        } else {
          outcome.foreign.append((port, lease.pid, lease.name ?? "?"))
        }
      }
    }
    // The port exists, and the server does not take it: not a wrong argument.
    if let refusal {
      throw PortPickerError(.serverRefused, refusal.description)
    }
  }
}
