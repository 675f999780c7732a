import CHostSystem
package import SystemPackage

extension Descriptor {
  /// A descriptor that turns readable when the process exits, before it is
  /// reaped (pidfd_open(2)).
  ///
  /// - Throws: `Errno.noSuchProcess`, or what the system is short of.
  package init(ofProcess pid: Int32) throws(Errno) {
    try self.init { chs_pidfd_open(pid) }
  }
}
