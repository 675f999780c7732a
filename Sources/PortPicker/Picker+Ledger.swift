import HostSystem
import PortLeasing
import PortLedger
import SystemPackage

extension Picker {
  /// Picks one of the process's own free ports for the process itself.
  ///
  /// They are probed again and leased in the ledger like any other port, because
  /// another process may have been given one in the meantime.
  ///
  /// - Returns: `nil` if the process has no free port, or if the ledger cannot be used.
  ///   In the second case, the next source that needs the ledger throws the error.
  func reuse(
    _ request: PickRequest, _ named: PortPool?, _ holder: Holder
  ) -> Pick? {
    guard request.count == 1, holder.isOwn,
      case .success(let identity) = holder.identity
    else { return nil }
    let free = freePorts()
    guard !free.isEmpty else { return nil }
    let all = PortPool(free.map { $0...$0 })
    let pool = named.map(all.intersection) ?? all
    guard !pool.isEmpty,
      let pick = try? lease(request, pool, identity) ?? nil
    else { return nil }
    pickFree(pick.ports)
    return pick
  }

  /// Picks from the ledger.
  ///
  /// - Parameters:
  ///   - request: The request.
  ///   - named: The pool that the caller named, if any.
  ///   - holder: The process that the ports are for.
  /// - Returns: The ports; `nil` if this thread is not in the network namespace of
  ///   this picker.
  /// - Throws: `poolExhausted`, or why the ledger cannot be used.
  func pickFromLedger(
    _ request: PickRequest, _ named: PortPool?, _ holder: ProcessIdentity
  ) throws(PortPickerError) -> Pick? {
    let pool = named ?? conditions.defaultPool
    if named != nil || conditions.defaultPoolOverlaps { warnOfOverlap(pool) }
    guard request.count <= pool.count else {
      throw PortPickerError(
        .invalidArgument,
        "the count is \(request.count), but the pool \(pool.summary) has only "
          + "\(pool.count) ports")
    }
    return try lease(request, pool, holder)
  }

  private func lease(
    _ request: PickRequest, _ pool: PortPool, _ holder: ProcessIdentity
  ) throws(PortPickerError) -> Pick? {
    let conditions = HostConditions(
      keepingSocketsFor: request.use, in: network)
    let wanted = LeaseRequest(
      pool: pool, holder: holder, user: effectiveUserID(),
      count: request.count, isContiguous: request.isContiguous)
    let outcome: LeaseOutcome
    do throws(PortPickerError) {
      let ledger = try openLedger()
      let deadline = Deadline(after: request.options.timeout)
      outcome = try convertingErrors { () throws(LeasingError) in
        try ledger.lease(
          wanted, under: conditions, now: nanosecondsSinceBoot(),
          deadline: deadline)
      }
    } catch {
      if conditions.isElsewhere { return nil }
      throw error
    }
    switch outcome {
    case .leased(let ports):
      addLeased(ports, to: holder)
      if conditions.isElsewhere {
        _ = try returnPorts(ports, timeout: request.options.timeout)
        return nil
      }
      return Pick(
        ports: ports, sockets: conditions.sockets(of: ports),
        isFromServer: false, picker: self)
    case .exhausted(let usage):
      if conditions.isElsewhere { return nil }
      throw Self.exhausted(usage, request, pool)
    }
  }

  private static func exhausted(
    _ usage: PoolUsage, _ request: PickRequest, _ pool: PortPool
  ) -> PortPickerError {
    var text =
      request.count == 1
      ? "no port is left" : "fewer than \(request.count) ports are left"
    if request.isContiguous, request.count > 1 { text += " in a row" }
    text +=
      ": of the \(usage.ports) ports of the pool \(pool.summary), "
      + usage.summary
    return PortPickerError(
      .poolExhausted,
      text + "; end processes that hold ports, or use a larger pool")
  }

  func warnOfOverlap(_ pool: PortPool) {
    let handedOut = conditions.handedOut
    guard pool.overlaps(handedOut) else { return }
    Warnings.issueOnce(
      .kernelOverlap,
      "the kernel assigns \(pool.intersection(handedOut).summary) of the pool "
        + "\(pool.summary) to outgoing connections, which may take a port before its holder does; "
        + "use other ports, or add them to net.ipv4.ip_local_reserved_ports")
  }
}

/// The kernel's settings for ports in a network namespace.
final class NetworkConditions: Sendable {
  let kernel: KernelPorts
  /// The ports that it hands out itself.
  let handedOut: PortPool
  let defaultPool: PortPool
  /// Whether the kernel assigns all ports of the default pool itself.
  let defaultPoolOverlaps: Bool

  init() {
    kernel = .current()
    defaultPool = .embedded(on: kernel)
    handedOut = kernel.handedOut
    defaultPoolOverlaps = defaultPool.overlaps(handedOut)
  }
}

extension Picker {
  /// Locates this process's ledger.
  static func locateLedger() throws(PortPickerError) -> Ledger {
    let context: LedgerContext
    do throws(Errno) {
      context = try .current()
    } catch {
      throw PortPickerError(
        .systemFailure,
        "cannot read /proc: \(error); "
          + (error.advice ?? "mount it (mount -t proc proc /proc)"), error)
    }
    let named = try environmentText("PORTPICKER_LEDGER", .invalidArgument)
    return try convertingErrors { () throws(LeasingError) in
      let location =
        if let path = named {
          try LedgerLocation(namedByUser: path)
        } else {
          try LedgerLocation(ofUser: effectiveUserID(), context: context)
        }
      return Ledger(
        at: location, context: context,
        claims: { () throws(ClaimsError) in try Picker.claimedPorts() },
        warn: { Warnings.issue($0.description) })
    }
  }
}

/// Turns an error of the ledger into the public error.
func convertingErrors<Result>(
  _ body: () throws(LeasingError) -> Result
) throws(PortPickerError) -> Result {
  do throws(LeasingError) {
    return try body()
  } catch {
    throw PortPickerError(
      PortPickerError.code(of: error), error.description, error.errno)
  }
}

extension PortPickerError {
  static func code(of error: LeasingError) -> Code {
    switch error {
    case .ledger(.relativePath, _): .invalidArgument
    case .ledger: .ledgerUnusable
    case .probe, .asker: .systemFailure
    case .outOfTime: .timedOut
    }
  }
}
