import HostSystem
import SystemPackage

/// A process that has ports, or has asked for some; it is one object for as long
/// as the server knows it.
final class KnownProcess {
  private var process: ProcessHandle
  /// Its pids in the pid namespaces that it is in, which never change.
  private var namespacePIDs: [Int32]?

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

  /// The process's pid in every pid namespace that it is in, from this server's
  /// to the innermost.
  ///
  /// - Returns: `nil` where it has ended.
  /// - Throws: Where `/proc` does not say.
  func pids() throws(Errno) -> [Int32]? {
    if let namespacePIDs { return namespacePIDs }
    namespacePIDs = try details()?.namespacePIDs
    return namespacePIDs
  }

  /// Whether a user may have ports leased to the process: whether it runs with
  /// that user's rights now, or could.
  ///
  /// It may have changed its user since it was asked last (setuid(2)), so nothing
  /// of this is remembered.
  ///
  /// - Throws: Where `/proc` does not say.
  func belongs(to user: UInt32) throws(Errno) -> Bool {
    if HostSystem.process(pid, actsFor: user) { return !process.hasEnded }
    return try details()?.users.contains(user) ?? false
  }

  /// What `/proc` says of the process now.
  ///
  /// - Returns: `nil` where it has ended.
  /// - Throws: What reading it says.
  func details() throws(Errno) -> ProcessDetails? {
    let found: ProcessDetails
    do throws(Errno) {
      found = try ProcessDetails(ofProcess: pid)
    } catch {
      if process.hasEnded { return nil }
      throw error
    }
    // It was read by number, and is the process's if that still has it.
    return process.hasEnded ? nil : found
  }
}
