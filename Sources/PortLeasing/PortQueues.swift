/// A queue of ports, whose links are in a ``PortQueues``.
struct PortQueue {
  /// The port that joined first; 0 if the queue is empty.
  fileprivate(set) var first: UInt16 = 0
  fileprivate var last: UInt16 = 0
  fileprivate(set) var count = 0

  var isEmpty: Bool { count == 0 }
}

/// The links of queues that share the ports of a pool.
///
/// A port is in one queue at a time, and joins and leaves it in constant time.
struct PortQueues {
  /// A port's neighbors; 0 for none.
  private struct Links {
    var before: UInt16 = 0
    var after: UInt16 = 0
  }

  /// Indexed by port, starting with the pool's first.
  private var links: [Links]
  private let base: Int

  init(for ports: ClosedRange<UInt16>) {
    base = Int(ports.lowerBound)
    links = Array(repeating: Links(), count: ports.count)
  }

  private subscript(port: UInt16) -> Links {
    get { links[Int(port) - base] }
    set { links[Int(port) - base] = newValue }
  }

  /// Appends a port that is in no queue.
  mutating func append(_ port: UInt16, to queue: inout PortQueue) {
    self[port] = Links(before: queue.last, after: 0)
    if queue.last == 0 {
      queue.first = port
    } else {
      self[queue.last].after = port
    }
    queue.last = port
    queue.count += 1
  }

  /// Removes a port from its queue.
  mutating func remove(_ port: UInt16, from queue: inout PortQueue) {
    let (before, after) = (self[port].before, self[port].after)
    if before == 0 { queue.first = after } else { self[before].after = after }
    if after == 0 { queue.last = before } else { self[after].before = before }
    queue.count -= 1
  }
}
