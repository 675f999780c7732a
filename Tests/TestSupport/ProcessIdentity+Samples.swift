package import HostSystem

/// Two different processes, which need not exist.
extension ProcessIdentity {
  package static let a = ProcessIdentity(pid: 100, startTime: 1000)
  package static let b = ProcessIdentity(pid: 200, startTime: 2000)
}
