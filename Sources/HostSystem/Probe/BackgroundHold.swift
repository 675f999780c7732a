import CHostSystem
package import SystemPackage

/// Keeps sockets open in a process of its own after this one has exited.
///
/// The process is in a session of its own and has none of our descriptors but
/// the sockets, so that whoever reads our output through a pipe gets its end
/// of file as soon as we exit.
///
/// - Parameters:
///   - sockets: The sockets to keep.
///   - duration: How long, at most.
///   - holder: The process whose end also ends the hold.
/// - Throws: What `fork(2)` says, or that the holder has gone
///   (`Errno.noSuchProcess`).
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
