import HostSystem
import PortServerClient

/// The ports that a process has picked or reserved.
///
/// It only decides; ``Picker`` does what it plans.
struct OwnPorts {
  /// Ports that the process may pick again for itself.
  private(set) var free: Set<UInt16> = []
  /// Ports in use that become free again when they are returned.
  private var reusable: Set<UInt16> = []
  /// Ports that are leased in the ledger, and their holders.
  private var leased: [UInt16: ProcessIdentity] = [:]
  /// Ports that a server leased.
  private var served: [UInt16: ServedPort] = [:]

  /// Where a port that a server leased came from.
  struct ServedPort: Hashable {
    let client: PortServerClient
    /// The process that it is for.
    let pid: Int32
    /// Whether that is this process.
    let isOwn: Bool
  }

  /// What must be done to return ports.
  struct ReturnPlan {
    /// Ports to return to a server.
    var toServers: [ServedPort: [UInt16]] = [:]
    /// Ports to return to the ledger.
    var toLedger: [ProcessIdentity: [UInt16]] = [:]
    /// Ports that the process may pick again, once that is done.
    var reusable: Set<UInt16> = []
    /// Ports that the process does not have.
    var unknown: [UInt16] = []
  }

  func contains(_ port: UInt16) -> Bool {
    leased[port] != nil || served[port] != nil || reusable.contains(port)
  }

  /// The process may pick these ports for itself.
  mutating func addFree(_ ports: some Sequence<UInt16>) {
    reusable.subtract(ports)
    free.formUnion(ports)
  }

  /// Some of the free ports were picked.
  mutating func pickFree(_ ports: [UInt16]) {
    free.subtract(ports)
    reusable.formUnion(ports)
  }

  mutating func addServed(_ ports: [UInt16], from place: ServedPort) {
    free.subtract(ports)
    for port in ports { served[port] = place }
  }

  mutating func addLeased(_ ports: [UInt16], to holder: ProcessIdentity) {
    for port in ports { leased[port] = holder }
  }

  /// Forgets ports that are to be returned.
  ///
  /// - Parameter ports: The ports.
  /// - Returns: What must be done for each.
  mutating func remove(_ ports: [UInt16]) -> ReturnPlan {
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
  mutating func restore(_ plan: ReturnPlan) {
    for (place, ports) in plan.toServers { addServed(ports, from: place) }
    for (holder, ports) in plan.toLedger { addLeased(ports, to: holder) }
    reusable.formUnion(plan.reusable)
  }
}
