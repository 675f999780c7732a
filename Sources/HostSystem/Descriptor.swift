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

  /// The number of a descriptor, if there is one.
  package static func raw(
    of descriptor: borrowing Descriptor?
  ) -> FileDescriptor? {
    switch descriptor {
    case .some(let descriptor): descriptor.raw
    case .none: nil
    }
  }

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

/// Waits until one of some descriptors has something to read, or its peer has hung up
/// (poll(2)).
///
/// - Parameters:
///   - descriptors: The descriptors; `nil` for none in its place.
///   - deadline: When to stop waiting; `nil` for never.
/// - Returns: Whether each is readable, in the order of the descriptors. A signal may end
///   the wait early.
package func waitUntilReadable(
  _ descriptors: [FileDescriptor?], _ deadline: Deadline?
) -> [Bool] {
  var events = descriptors.map {
    pollfd(fd: $0?.rawValue ?? -1, events: Int16(POLLIN), revents: 0)
  }
  let count = poll(
    &events, nfds_t(events.count), deadline?.remainingMilliseconds ?? -1)
  return events.map { count > 0 && $0.revents != 0 }
}

/// Reads what a nonblocking descriptor has at the moment.
///
/// - Parameters:
///   - descriptor: The descriptor.
///   - limit: The most bytes to read.
/// - Returns: `nil` if it has nothing at the moment; empty at end-of-file, or if it cannot
///   be read.
package func readAvailable(
  _ descriptor: FileDescriptor, limit: Int = 1 << 16
) -> [UInt8]? {
  var failure: Int32 = 0
  let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
    let result = read(descriptor.rawValue, buffer.baseAddress, buffer.count)
    if result < 0 { failure = errno }
    count = max(result, 0)
  }
  return failure == EAGAIN || failure == EINTR ? nil : bytes
}
