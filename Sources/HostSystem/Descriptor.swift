package import SystemPackage

/// A file descriptor that belongs to one owner and is closed with it.
///
/// Every descriptor of this project is close-on-exec from birth: the call that
/// makes it says so, no second call has to.
package struct Descriptor: ~Copyable, Sendable {
  /// The number; it is valid for as long as this value lives.
  package let raw: FileDescriptor

  /// Takes over a descriptor that nobody else will close.
  package init(owning raw: FileDescriptor) {
    self.raw = raw
  }

  /// Takes over the descriptor that a system call returns.
  ///
  /// Where a process was started with standard input, output or error closed,
  /// the kernel gives out their numbers, and what is printed would end up in
  /// whatever was opened next. Such a descriptor is moved out of the way.
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
    // close(2): the descriptor is gone whatever the call returns, so it is
    // never repeated.
    _ = Glibc.close(raw.rawValue)
  }

  /// Closes the descriptor now.
  package consuming func close() {}

  /// Gives the descriptor up without closing it.
  package consuming func release() -> FileDescriptor {
    let raw = self.raw
    discard self
    return raw
  }
}

/// Whether there is something to read from a descriptor, or nobody is there any
/// more to send it (poll(2)).
func isReadable(_ descriptor: FileDescriptor) -> Bool {
  var events = pollfd(
    fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
  return poll(&events, 1, 0) > 0
}

/// Waits until there is something to read from a descriptor, or nobody is there any
/// more to send it (poll(2)).
///
/// - Returns: Whether that came before the deadline.
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
