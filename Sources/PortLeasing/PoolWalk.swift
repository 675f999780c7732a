/// A walk through a pool, one port at a time.
struct PoolWalk {
  private let ranges: [ClosedRange<UInt16>]
  private var index = 0
  /// The port that the walk has reached; `nil` at its end.
  private(set) var port: UInt16?

  init(_ ranges: [ClosedRange<UInt16>]) {
    self.ranges = ranges
    port = ranges.first?.lowerBound
  }

  mutating func advance() {
    guard let current = port else { return }
    if current < ranges[index].upperBound {
      port = current + 1
    } else {
      index += 1
      port = index < ranges.count ? ranges[index].lowerBound : nil
    }
  }

  mutating func restart() {
    self = PoolWalk(ranges)
  }
}
