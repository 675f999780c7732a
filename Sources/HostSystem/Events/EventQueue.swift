import CHostSystem
package import SystemPackage

/// Reports which of many descriptors are ready for reading or writing, by
/// level-triggered epoll(7).
///
/// A descriptor is reported for as long as it is ready, so that a turn may handle only
/// a part of what has arrived.
package struct EventQueue: ~Copyable {
  private let epoll: Descriptor
  private var tokens = [UInt64](repeating: 0, count: capacity)

  /// - Throws: The error of epoll_create1(2).
  package init() throws(Errno) {
    epoll = try Descriptor { chs_epoll_create() }
  }

  /// Reports a descriptor from now on, until it is closed or ``stopWatching(_:)`` is
  /// called.
  ///
  /// - Parameters:
  ///   - descriptor: The descriptor. It is reported when it is readable or its peer has
  ///     hung up.
  ///   - token: The token under which it is reported.
  /// - Throws: The error of epoll_ctl(2).
  package func watch(
    _ descriptor: FileDescriptor, as token: UInt64
  ) throws(Errno) {
    _ = try systemCall {
      chs_epoll_add(epoll.raw.rawValue, descriptor.rawValue, token)
    }
  }

  /// The condition for which a descriptor is reported.
  package enum Interest: Sendable {
    /// The descriptor is readable.
    case reading
    /// The descriptor is writable.
    case writing
    /// The peer has hung up. This is always reported.
    case hangUp
  }

  /// Changes the condition and token of a descriptor that is watched.
  ///
  /// - Parameters:
  ///   - descriptor: The descriptor.
  ///   - interest: The condition for which it is reported from now on.
  ///   - token: The token under which it is reported.
  /// - Throws: The error of epoll_ctl(2).
  package func watch(
    _ descriptor: FileDescriptor, for interest: Interest, as token: UInt64
  ) throws(Errno) {
    _ = try systemCall {
      chs_epoll_change(
        epoll.raw.rawValue, descriptor.rawValue, interest == .reading ? 1 : 0,
        interest == .writing ? 1 : 0, token)
    }
  }

  /// Stops reporting a descriptor.
  package func stopWatching(_ descriptor: FileDescriptor) {
    // It fails only if the descriptor is not watched.
    _ = chs_epoll_remove(epoll.raw.rawValue, descriptor.rawValue)
  }

  /// Waits until a descriptor is ready.
  ///
  /// - Parameter deadline: When to stop waiting, rounded up to milliseconds; `nil` for
  ///   never.
  /// - Returns: The number of tokens; 0 after the deadline, or if the process was
  ///   stopped and continued (signal(7)).
  /// - Throws: The error of epoll_wait(2).
  package mutating func wait(until deadline: Deadline?) throws(Errno) -> Int {
    do {
      return try wait(deadline?.remainingMilliseconds ?? -1)
    } catch {
      guard error == .interrupted else { throw error }
      return 0
    }
  }

  /// Collects the descriptors that are ready now, without waiting.
  ///
  /// - Returns: The number of tokens. If it is ``capacity``, there may be more.
  /// - Throws: The error of epoll_wait(2).
  package mutating func poll() throws(Errno) -> Int {
    try wait(0)
  }

  private mutating func wait(_ milliseconds: Int32) throws(Errno) -> Int {
    Int(
      try systemCall(retrying: false) {
        chs_epoll_wait(
          epoll.raw.rawValue, &tokens, Int32(Self.capacity), milliseconds)
      })
  }

  /// The maximum number of tokens collected at a time.
  package static let capacity = 128

  /// A descriptor that is readable if a watched one is ready, so that a queue can watch
  /// another queue.
  package var raw: FileDescriptor { epoll.raw }

  /// A token of the last call of ``wait(until:)`` or ``poll()``.
  package subscript(index: Int) -> UInt64 { tokens[index] }
}
