import CHostSystem
package import SystemPackage

/// A descriptor that any thread can make readable (eventfd(2)).
package struct Bell: ~Copyable, Sendable {
  private let descriptor: Descriptor

  /// - Throws: The error of eventfd(2).
  package init() throws(Errno) {
    descriptor = try Descriptor { chs_eventfd() }
  }

  /// Readable since ``ring()``, until ``clear()``.
  package var raw: FileDescriptor { descriptor.raw }

  /// Makes the descriptor readable.
  package func ring() {
    var one: UInt64 = 1
    // It fails only if the count is full, and the descriptor readable, already.
    _ = write(raw.rawValue, &one, 8)
  }

  /// Makes the descriptor unreadable until the next ``ring()``.
  package func clear() {
    var count: UInt64 = 0
    _ = read(raw.rawValue, &count, 8)
  }
}
