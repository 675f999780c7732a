/// A queue of ports; what is in it stands in a ``PortQueues``.
struct PortQueue {
  /// The port that has been in it for longest; 0 where it is empty.
  fileprivate(set) var first: UInt16 = 0
  fileprivate var last: UInt16 = 0
  fileprivate(set) var count = 0

  var isEmpty: Bool { count == 0 }
}

/// The links of queues that share the ports of a pool: a port is in one queue
/// at a time, and joins and leaves it in constant time, wherever it stands.
struct PortQueues {
  /// A port's neighbours; 0, which is no port, for none.
  private struct Links {
    var before: UInt16 = 0
    var after: UInt16 = 0
  }

  /// By port, from the pool's smallest on.
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

  /// Puts a port that is in no queue at the end of one.
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

  /// Takes a port out of the queue that it is in.
  mutating func remove(_ port: UInt16, from queue: inout PortQueue) {
    let (before, after) = (self[port].before, self[port].after)
    if before == 0 { queue.first = after } else { self[before].after = after }
    if after == 0 { queue.last = before } else { self[after].before = before }
    queue.count -= 1
  }
}
