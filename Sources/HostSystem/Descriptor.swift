package import SystemPackage

/// A file descriptor with one owner, closed when its owner is destroyed.
///
/// Every descriptor in this project is close-on-exec. The call that creates it
/// sets the flag, so there is no moment without it.
package struct Descriptor: ~Copyable, Sendable {
  /// The number, valid for as long as this value lives.
  package let raw: FileDescriptor

  /// Takes ownership of a descriptor that nothing else closes.
  package init(owning raw: FileDescriptor) {
    self.raw = raw
  }

  /// Takes ownership of the descriptor that a system call returns.
  ///
  /// If a process was started with standard input, output, or error closed, the
  /// kernel reuses those numbers, and printed text would end up in whatever was
  /// opened next. A descriptor with such a number is moved to a higher one.
  ///
  /// - Throws: The `errno` that the call set.
  package init(_ call: () -> Int32) throws(Errno) {
    let number = try systemCall(call)
    guard number <= STDERR_FILENO else {
      raw = FileDescriptor(rawValue: number)
      return
    }
    defer { _ = Glibc.close(number) }
    raw = FileDescriptor(
      rawValue: try systemCall {
        fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
      })
  }

  deinit {
    // close(2) frees the descriptor even if it fails, so it is never repeated.
    _ = Glibc.close(raw.rawValue)
  }

  /// Closes the descriptor now.
  package consuming func close() {}

  /// Gives up ownership without closing the descriptor.
  package consuming func release() -> FileDescriptor {
    let raw = self.raw
    discard self
    return raw
  }
}

/// Whether a descriptor has something to read, or its peer has hung up (poll(2)).
func isReadable(_ descriptor: FileDescriptor) -> Bool {
  var events = pollfd(
    fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
  return poll(&events, 1, 0) > 0
}

/// Waits until a descriptor has something to read, or its peer has hung up
/// (poll(2)).
///
/// - Returns: Whether that happened before the deadline.
package func waitUntilReadable(
  _ descriptor: FileDescriptor, _ deadline: Deadline
) -> Bool {
  var events = pollfd(
    fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
  while true {
    let count = poll(&events, 1, deadline.remainingMilliseconds)
    if count > 0 { return true }
    if count == 0 || errno != EINTR { return false }
  }
}
