package import HostSystem

/// Processes that a test needs no more of than that they are two.
extension ProcessIdentity {
  package static let a = ProcessIdentity(pid: 100, startTime: 1000)
  package static let b = ProcessIdentity(pid: 200, startTime: 2000)
}
