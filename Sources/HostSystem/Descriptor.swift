import Glibc
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
  /// - Throws: The `errno` that the call set.
  package init(_ call: () -> Int32) throws(Errno) {
    raw = FileDescriptor(rawValue: try systemCall(call))
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
