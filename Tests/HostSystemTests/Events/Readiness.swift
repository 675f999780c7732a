import Glibc
import SystemPackage

/// Whether a descriptor can be read, or its peer has hung up.
func isReadable(_ descriptor: FileDescriptor) -> Bool {
  isReadable(descriptor, within: 0)
}

/// Waits until a descriptor can be read.
///
/// - Returns: Whether that came about; a test that waits for something that
///   never comes is not to wait for ever.
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
