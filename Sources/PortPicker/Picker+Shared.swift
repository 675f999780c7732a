import HostSystem
import Synchronization

// Every picker belongs to one process and one network namespace: ports and ledgers
// belong to a namespace, and a lock that was locked when its process forked stays
// locked in the child. Pickers are never freed, because threads read the list without
// a lock. There is one for each forked process and each namespace that picks.

extension Picker {
  /// The picker that was created last, which links to those before it.
  private static let latest = Atomic<Unmanaged<Picker>?>(nil)

  /// This process's picker.
  ///
  /// If all its threads have picked in the same network namespace so far, it is the
  /// picker of that one, without a system call; the probe of a port shows whether this
  /// thread has moved to another. Otherwise it is the picker of this thread's.
  package static var shared: Picker {
    if let latest = latest.load(ordering: .acquiring)?.takeUnretainedValue(),
      latest.isOwn, latest.previous?.isOwn != true
    {
      return latest
    }
    return ofThisThread()
  }

  /// The picker of this process for this thread's network namespace.
  package static func ofThisThread() -> Picker {
    let network = currentNetworkNamespaceCookie()
    var latest = latest.load(ordering: .acquiring)
    while true {
      let first = latest?.takeUnretainedValue()
      if let known = first?.own(where: { $0.network == network }) {
        return known
      }
      let new = Unmanaged.passRetained(Picker(of: network, after: first))
      let (isExchanged, current) = Self.latest.compareExchange(
        expected: latest, desired: new, ordering: .acquiringAndReleasing)
      if isExchanged { return new.takeUnretainedValue() }
      new.release()
      latest = current
    }
  }

  /// The picker that keeps track of a port, if there is one: a thread may have left
  /// the network namespace in which it picked the port.
  package static func knowing(_ port: UInt16) -> Picker {
    let shared = shared
    if shared.previous?.isOwn != true || shared.knows(port) { return shared }
    let latest = latest.load(ordering: .acquiring)?.takeUnretainedValue()
    return latest?.own { $0.knows(port) } ?? shared
  }

  /// Whether this process created it, and not a process that it was forked from.
  var isOwn: Bool { generation == forkGeneration() }

  /// The first of this process's pickers, from this one back, that matches.
  private func own(where condition: (Picker) -> Bool) -> Picker? {
    var next: Picker? = self
    while let picker = next, picker.isOwn {
      if condition(picker) { return picker }
      next = picker.previous
    }
    return nil
  }
}
