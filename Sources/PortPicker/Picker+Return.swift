import HostSystem
import PortLeasing
import PortLedger
import PortProtocol
import SystemPackage

/// Whose ports are given back.
package enum ReturnScope: Hashable, Sendable {
  /// Those of processes that this one descends from, or shares a session with.
  case kin
  /// Those of one process.
  case process(Int32)
  /// Everybody's.
  case anybody
}

/// What became of ports that were to be given back.
package struct GivenBack: Sendable {
  /// Those that nobody had.
  package var unknown: [UInt16] = []
  /// Those that others have than those whose ports are given back, and who that
  /// is.
  ///
  /// Where there are any, nothing is given back.
  package var foreign: [(port: UInt16, pid: Int32, name: String)] = []
}

extension Picker {
  /// Gives ports back that are leased, wherever they are from.
  ///
  /// Where one cannot be given back because the server refuses, the others are all
  /// the same.
  ///
  /// - Throws: Why a port was not given back.
  package func giveBackLeases(
    of ports: [UInt16], _ scope: ReturnScope, _ options: PickOptions
  ) throws(PortPickerError) -> GivenBack {
    _ = try PickRequest(options: options).validatedPool()
    let kin = ProcessKin()
    let found = try askServers(of: options, "The ports go back to") {
      client throws(PortPickerError) in
      (client, try client.find(ports, within: TimeLimit(options.timeout)))
    }
    let served = found?.1.leases ?? [:]
    let rest = ports.filter { served[$0] == nil }
    let own =
      rest.isEmpty ? [:] : try ledgerHolders(of: rest, options.timeout)

    var result = GivenBack()
    for port in ports {
      if let lease = served[port] {
        // Otherwise the server has to tell whose it is.
        guard found?.1.sharesProcesses == true else { continue }
        if scope.includes(lease.pid, kin) { continue }
        result.foreign.append((port, lease.pid, lease.command))
      } else if let holder = own[port] {
        if scope.includes(holder.pid, kin) { continue }
        let name = processName(ofProcess: holder.pid)
        result.foreign.append((port, holder.pid, name))
      } else {
        result.unknown.append(port)
      }
    }
    guard result.foreign.isEmpty else { return result }
    for (port, holder) in own {
      try giveBackInLedger(port, holder, options.timeout)
    }
    if let (client, leases) = found, !served.isEmpty {
      try client.giveBack(
        leases, scope, kin, within: TimeLimit(options.timeout), &result)
    }
    return result
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

  private func giveBackInLedger(
    _ port: UInt16, _ holder: ProcessIdentity, _ timeout: Duration
  ) throws(PortPickerError) {
    let ledger = try openLedger()
    let deadline = Deadline(after: timeout)
    try convertingErrors { () throws(LeasingError) in
      try ledger.giveBack([port], of: holder, deadline: deadline)
    }
  }
}

extension ReturnScope {
  fileprivate func includes(_ pid: Int32, _ kin: ProcessKin) -> Bool {
    switch self {
    case .kin: kin.contains(pid)
    case .process(let named): pid == named
    case .anybody: true
    }
  }
}

/// Leases that a server has.
private struct FoundLeases {
  let leases: [UInt16: LeaseLine]
  /// Whether the server's pids are ours.
  let sharesProcesses: Bool
}

extension PortServerClient {
  fileprivate func find(
    _ ports: [UInt16], within limit: TimeLimit
  ) throws(PortPickerError) -> FoundLeases {
    let found = try leases(
      of: ports, within: limit,
      "has no way to give ports back; they come back when their process ends")
    return FoundLeases(
      leases: found.lines.reduce(into: [:]) { $0[$1.port] = $1 },
      sharesProcesses: found.sharesProcesses)
  }

  fileprivate func giveBack(
    _ found: FoundLeases, _ scope: ReturnScope, _ kin: ProcessKin,
    within limit: TimeLimit, _ result: inout GivenBack
  ) throws(PortPickerError) {
    var conversation = try ServerConversation(with: self, within: limit)
    var refusal: PortPickerError?
    for (port, lease) in found.leases.sorted(by: { $0.key < $1.key }) {
      // Its pids mean nothing here where it has others; it knows ours.
      let holders: [Int32?] =
        switch scope {
        case .anybody: [nil]
        case .process(let pid): [pid]
        case .kin: found.sharesProcesses ? [lease.pid] : kin.ancestors
        }
      var isReturned = false
      for holder in holders where !isReturned {
        switch try conversation.ask(.returnPorts([port], pid: holder)) {
        case .done: isReturned = true
        case .refused(let error)
        where error.code == .notLeased || error.code == .noSuchProcess:
          break
        case .refused(let error):
          // The port makes sense; it is the server that does not take it.
          refusal = PortPickerError(.serverRefused, failure(error).description)
          isReturned = true
        case .versionOneOnly: throw failure(.connectionReset, within: limit)
        }
      }
      if isReturned { continue }
      // It has just changed hands, or has always been in other ones.
      if found.sharesProcesses {
        result.unknown.append(port)
      } else {
        result.foreign.append((port, lease.pid, lease.command))
      }
    }
    if let refusal { throw refusal }
  }
}
