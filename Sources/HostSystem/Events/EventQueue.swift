import CHostSystem
package import SystemPackage

/// Says which of many descriptors have something to read, or room to write:
/// level-triggered epoll(7).
///
/// What is ready is reported again and again until it has been read, so that
/// nothing is lost where only a part of it is handled in a turn.
package struct EventQueue: ~Copyable {
  private let epoll: Descriptor
  private var tokens = [UInt64](repeating: 0, count: capacity)

  /// - Throws: What `epoll_create1(2)` says.
  package init() throws(Errno) {
    epoll = try Descriptor { chs_epoll_create() }
  }

  /// Has a descriptor reported, until it is closed or ``forget(_:)`` is called.
  ///
  /// - Parameters:
  ///   - descriptor: What can be read, or whose peer hangs up.
  ///   - token: What it is reported as.
  /// - Throws: What `epoll_ctl(2)` says.
  package func watch(
    _ descriptor: FileDescriptor, as token: UInt64
  ) throws(Errno) {
    _ = try systemCall {
      chs_epoll_add(epoll.raw.rawValue, descriptor.rawValue, token)
    }
  }

  /// What a descriptor is reported for.
  package enum Interest: Sendable {
    /// It can be read.
    case reading
    /// It can be written to.
    case writing
    /// Its peer has hung up, which is reported always.
    case hangUp
  }

  /// Has a descriptor that is watched reported for something else.
  ///
  /// - Parameters:
  ///   - descriptor: The descriptor.
  ///   - interest: What it is reported for from now on.
  ///   - token: What it is reported as.
  /// - Throws: What `epoll_ctl(2)` says.
  package func watch(
    _ descriptor: FileDescriptor, for interest: Interest, as token: UInt64
  ) throws(Errno) {
    _ = try systemCall {
      chs_epoll_change(
        epoll.raw.rawValue, descriptor.rawValue, interest == .reading ? 1 : 0,
        interest == .writing ? 1 : 0, token)
    }
  }

  /// Has a descriptor not reported any more.
  package func forget(_ descriptor: FileDescriptor) {
    // It fails only where the descriptor is not watched.
    _ = chs_epoll_remove(epoll.raw.rawValue, descriptor.rawValue)
  }

  /// Waits until something is ready.
  ///
  /// - Parameter deadline: Until when, at most, in whole milliseconds from now;
  ///   `nil` for as long as it takes.
  /// - Returns: How many tokens there are; 0 where the time is over, or where
  ///   the process was stopped and continued (signal(7)).
  /// - Throws: What `epoll_wait(2)` says.
  package mutating func wait(until deadline: Deadline?) throws(Errno) -> Int {
    do {
      return try wait(deadline?.remainingMilliseconds ?? -1)
    } catch {
      guard error == .interrupted else { throw error }
      return 0
    }
  }

  /// Looks what is ready now.
  ///
  /// - Returns: How many tokens there are; as many as ``capacity`` where there
  ///   may be more.
  /// - Throws: What `epoll_wait(2)` says.
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

  /// How many tokens are found at a time.
  package static let capacity = 128

  /// What turns readable when something is ready: queues can be watched by
  /// queues.
  package var raw: FileDescriptor { epoll.raw }

  /// One of the tokens that were found last.
  package subscript(index: Int) -> UInt64 { tokens[index] }
}
