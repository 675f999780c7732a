import HostSystem
import SystemPackage

/// What the server's loop waits for; it passes through the kernel as a token.
enum EventSource {
  /// The listener with this index.
  case listener(Int)
  case signals
  /// The ends of processes.
  case processes
  /// The client on this descriptor.
  case client(Int32)

  private static let client: UInt64 = 1 << 32
  private static let listener: UInt64 = 2 << 32

  var token: UInt64 {
    switch self {
    case .signals: 0
    case .processes: 1
    case .listener(let index): Self.listener | UInt64(index)
    case .client(let number): Self.client | UInt64(number)
    }
  }

  init(token: UInt64) {
    self =
      switch token {
      case 0: .signals
      case 1: .processes
      case Self.listener...: .listener(Int(token & ~Self.listener))
      default: .client(Int32(truncatingIfNeeded: token))
      }
  }
}

/// The epoll instance that the loop waits on, and that the parts of the server
/// register their descriptors with.
final class Events {
  private var queue: EventQueue

  /// - Throws: What `epoll_create1(2)` reports.
  init() throws(Errno) {
    queue = try EventQueue()
  }

  /// Registers a descriptor, to be reported while it can be read.
  ///
  /// - Throws: What `epoll_ctl(2)` reports.
  func watch(
    _ descriptor: FileDescriptor, as source: EventSource
  ) throws(Errno) {
    try queue.watch(descriptor, as: source.token)
  }

  /// Changes what a registered descriptor is reported for.
  ///
  /// - Throws: What `epoll_ctl(2)` reports.
  func watch(
    _ descriptor: FileDescriptor, for interest: EventQueue.Interest,
    as source: EventSource
  ) throws(Errno) {
    try queue.watch(descriptor, for: interest, as: source.token)
  }

  /// Unregisters a descriptor.
  func forget(_ descriptor: FileDescriptor) {
    queue.stopWatching(descriptor)
  }

  /// Waits until something is ready, or until a deadline.
  ///
  /// - Returns: The number of sources that are ready.
  /// - Throws: What `epoll_wait(2)` reports.
  func wait(until deadline: Deadline?) throws(Errno) -> Int {
    try queue.wait(until: deadline)
  }

  /// Checks what is ready now.
  ///
  /// - Returns: The number of sources that are ready.
  /// - Throws: What `epoll_wait(2)` reports.
  func poll() throws(Errno) -> Int {
    try queue.poll()
  }

  /// One of the sources that the last wait reported.
  subscript(index: Int) -> EventSource { EventSource(token: queue[index]) }
}
