import HostSystem
import SystemPackage

/// A process that has ports, or has asked for some; it is one object for as long
/// as the server knows it.
final class KnownProcess {
  private var process: ProcessHandle
  private var details: ProcessDetails?

  init(_ process: consuming ProcessHandle) {
    self.process = process
  }

  var identity: ProcessIdentity { process.identity }

  var pid: Int32 { identity.pid }

  /// What turns readable when it ends; `nil` where nothing does.
  var raw: FileDescriptor? { process.raw }

  var hasEnded: Bool { process.hasEnded }

  /// Has the process looked at in turn from now on.
  func closeDescriptor() {
    process.closeDescriptor()
  }

  /// Where the process stands.
  ///
  /// - Returns: `nil` where it has ended.
  /// - Throws: Where `/proc` does not say.
  func place() throws(Errno) -> ProcessDetails? {
    if let details { return details }
    return try readDetails()
  }

  /// Whether a user may have ports leased to the process: whether it runs with
  /// that user's rights, or could.
  ///
  /// - Throws: Where `/proc` does not say.
  func belongs(to user: UInt32) throws(Errno) -> Bool {
    if let details, details.users.contains(user) { return true }
    // It may have changed its user since (setuid(2)).
    return try readDetails()?.users.contains(user) ?? false
  }

  private func readDetails() throws(Errno) -> ProcessDetails? {
    let found: ProcessDetails
    do {
      found = try ProcessDetails(ofProcess: pid)
    } catch {
      if process.hasEnded { return nil }
      throw error
    }
    // It was read by number, and is the process's if that still has it.
    if process.hasEnded { return nil }
    details = found
    return found
  }
}
