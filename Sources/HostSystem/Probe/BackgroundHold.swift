import CHostSystem
package import SystemPackage

/// Starts a background process that keeps sockets open after this process exits.
///
/// The new process has a session of its own and inherits only the sockets and a
/// pidfd. A reader of this process's output therefore sees end-of-file as soon as
/// this process exits.
///
/// - Parameters:
///   - sockets: The sockets to keep open.
///   - duration: How long to keep them, at most.
///   - holder: The process whose end also ends the hold.
/// - Throws: The error of fork(2), or `Errno.noSuchProcess` if the holder has
///   ended.
package func holdInBackground(
  _ sockets: borrowing [FileDescriptor], for duration: Duration,
  whileAlive holder: Int32
) throws(Errno) {
  let death = try Descriptor(ofProcess: holder)
  let kept = (sockets.map(\.rawValue) + [death.raw.rawValue]).sorted()
  var timeout = duration.timespec
  _ = try systemCall {
    chs_hold_in_background(kept, kept.count, death.raw.rawValue, &timeout)
  }
}
