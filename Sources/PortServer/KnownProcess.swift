import HostSystem
import SystemPackage

/// A process that has ports, or has asked for some.
///
/// It is one object for as long as it is registered.
final class KnownProcess {
  private var process: ProcessHandle
  let identity: ProcessIdentity
  /// What turns readable when it ends; `nil` if it has no pidfd.
  private(set) var raw: FileDescriptor?
  /// Its pids in the pid namespaces that it is in; they never change.
  private var namespacePIDs: [Int32]?

  init(_ process: consuming ProcessHandle) {
    // Every request needs these two. Copies of them need no check that nothing
    // changes the handle at the same time.
    identity = process.identity
    raw = process.raw
    self.process = process
  }

  var pid: Int32 { identity.pid }

  var hasEnded: Bool { process.hasEnded }

  /// Opens a pidfd, if one can be opened, of a process that has none.
  ///
  /// - Returns: Whether the process is alive.
  func openDescriptor() -> Bool {
    guard let handle = ProcessHandle.open(identity, watching: true) else {
      return false
    }
    raw = handle.raw
    process = handle
    return true
  }

  /// Closes the pidfd: from now on the process is checked in turn.
  func closeDescriptor() {
    process.closeDescriptor()
    raw = nil
  }

  /// The process's pid in every pid namespace that it is in, from this server's
  /// to the innermost.
  ///
  /// - Returns: `nil` if it has ended.
  /// - Throws: `broken` if `/proc` cannot tell.
  func pids() throws(Denial) -> [Int32]? {
    if let namespacePIDs { return namespacePIDs }
    namespacePIDs = try details()?.namespacePIDs
    return namespacePIDs
  }

  /// Whether the process acts with a user's rights now, or could.
  ///
  /// It may change its user at any time (setuid(2)), so the answer is not cached.
  ///
  /// - Throws: `broken` if `/proc` cannot tell.
  func belongs(to user: UInt32) throws(Denial) -> Bool {
    if HostSystem.isEffectiveUser(user, ofProcess: pid) {
      return !process.hasEnded
    }
    return try details()?.users.contains(user) ?? false
  }

  /// What `/proc` reports of the process now.
  ///
  /// - Returns: `nil` if it has ended.
  /// - Throws: `broken` if `/proc` cannot be read.
  func details() throws(Denial) -> ProcessDetails? {
    let found: ProcessDetails
    do throws(Errno) {
      found = try ProcessDetails(ofProcess: pid)
    } catch {
      if process.hasEnded { return nil }
      throw Denial(readingStatus: error)
    }
    // It was read by pid. If the process is alive, the pid is still its own.
    return process.hasEnded ? nil : found
  }
}
