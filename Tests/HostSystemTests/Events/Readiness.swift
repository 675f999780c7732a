import Glibc
import SystemPackage

/// Whether a descriptor is readable, or its peer has hung up.
func isReadable(_ descriptor: FileDescriptor) -> Bool {
  isReadable(descriptor, within: 0)
}

/// Waits until a descriptor is readable.
///
/// - Returns: Whether it became readable before a time limit, so that a failing test
///   does not hang.
func becomesReadable(_ descriptor: FileDescriptor) -> Bool {
  isReadable(descriptor, within: 60_000)
}

private func isReadable(
  _ descriptor: FileDescriptor, within milliseconds: Int32
) -> Bool {
  var state = pollfd(
    fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
  return poll(&state, 1, milliseconds) == 1
}
