import HostSystem
import Synchronization

// Every picker is of one process and one network namespace: ports are the
// namespace's, a ledger is, and a lock that was taken when its process forked
// is never free in the child. Pickers are never freed, for nobody could tell
// when no thread looks at the list any more; there is one for a fork, or a
// namespace, that picks.

extension Picker {
  /// The picker that was made last; it knows those before it.
  private static let latest = Atomic<Unmanaged<Picker>?>(nil)

  /// This process's picker.
  ///
  /// Where its threads have picked in one network namespace so far, it is
  /// that one's, and costs no system call: whether this thread has another by
  /// now shows when a port is probed. Otherwise it is this thread's.
  package static var shared: Picker {
    if let latest = latest.load(ordering: .acquiring)?.takeUnretainedValue(),
      latest.isOwn, latest.previous?.isOwn != true
    {
      return latest
    }
    return ofThisThread()
  }

  /// The picker of this process for the network namespace that this thread is
  /// in.
  package static func ofThisThread() -> Picker {
    let network = currentNetworkNumber()
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

  /// The picker that knows of a port, if one does; a thread may have left the
  /// network namespace in which it picked that.
  package static func knowing(_ port: UInt16) -> Picker {
    let shared = shared
    if shared.previous?.isOwn != true || shared.knows(port) { return shared }
    let latest = latest.load(ordering: .acquiring)?.takeUnretainedValue()
    return latest?.own { $0.knows(port) } ?? shared
  }

  /// Whether this process made it, and not the one that it was forked from.
  var isOwn: Bool { generation == forkGeneration() }

  /// The first of this process's pickers, this one and those before it, for
  /// which something holds.
  private func own(where condition: (Picker) -> Bool) -> Picker? {
    var next: Picker? = self
    while let picker = next, picker.isOwn {
      if condition(picker) { return picker }
      next = picker.previous
    }
    return nil
  }
}
