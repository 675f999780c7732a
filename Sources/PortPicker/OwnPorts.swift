package import HostSystem
package import PortServerClient

/// The ports that a process has picked or reserved.
///
/// It only decides; ``Picker`` does what it plans.
package struct OwnPorts {
  /// Ports that the process may pick again for itself.
  package private(set) var free: Set<UInt16> = []
  /// Ports in use that become free again when they are returned.
  private var reusable: Set<UInt16> = []
  /// Ports that are leased in the ledger, and their holders.
  private var leased: [UInt16: ProcessIdentity] = [:]
  /// Ports that a server leased.
  private var served: [UInt16: ServedPort] = [:]

  package init() {}

  /// Where a port that a server leased came from.
  package struct ServedPort: Hashable {
    package let client: PortServerClient
    /// The process that it is for.
    package let pid: Int32
    /// Whether that is this process.
    package let isOwn: Bool

    package init(client: PortServerClient, pid: Int32, isOwn: Bool) {
      self.client = client
      self.pid = pid
      self.isOwn = isOwn
    }
  }

  /// What must be done to return ports.
  package struct ReturnPlan: Equatable {
    /// Ports to return to a server.
    package var toServers: [ServedPort: [UInt16]] = [:]
    /// Ports to return to the ledger.
    package var toLedger: [ProcessIdentity: [UInt16]] = [:]
    /// Ports that the process may pick again, once that is done.
    package var reusable: Set<UInt16> = []
    /// Ports that the process does not have.
    package var unknown: [UInt16] = []

    package init() {}
  }

  package func contains(_ port: UInt16) -> Bool {
    leased[port] != nil || served[port] != nil || reusable.contains(port)
  }

  /// The process may pick these ports for itself.
  package mutating func addFree(_ ports: some Sequence<UInt16>) {
    reusable.subtract(ports)
    free.formUnion(ports)
  }

  /// Some of the free ports were picked.
  package mutating func pickFree(_ ports: [UInt16]) {
    free.subtract(ports)
    reusable.formUnion(ports)
  }

  package mutating func addServed(_ ports: [UInt16], from place: ServedPort) {
    free.subtract(ports)
    for port in ports { served[port] = place }
  }

  package mutating func addLeased(_ ports: [UInt16], to holder: ProcessIdentity)
  {
    for port in ports { leased[port] = holder }
  }

  /// Forgets ports that are to be returned.
  ///
  /// - Parameter ports: The ports.
  /// - Returns: What must be done for each.
  package mutating func remove(_ ports: [UInt16]) -> ReturnPlan {
    var plan = ReturnPlan()
    for port in ports {
      if !contains(port) {
        plan.unknown.append(port)
        continue
      }
      if let holder = leased.removeValue(forKey: port) {
        plan.toLedger[holder, default: []].append(port)
      }
      let isReusable = reusable.remove(port) != nil
      if let place = served.removeValue(forKey: port) {
        plan.toServers[place, default: []].append(port)
      } else if isReusable {
        plan.reusable.insert(port)
      }
    }
    return plan
  }

  /// Undoes the part of a plan that was not carried out, so that it can be tried
  /// again.
  package mutating func restore(_ plan: ReturnPlan) {
    for (place, ports) in plan.toServers { addServed(ports, from: place) }
    for (holder, ports) in plan.toLedger { addLeased(ports, to: holder) }
    reusable.formUnion(plan.reusable)
  }
}
