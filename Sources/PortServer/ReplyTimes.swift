/// How long requests took, as a histogram.
///
/// The time of a request runs from the moment at which the server turned to it,
/// just after it was accepted, to the moment at which its reply was sent.
struct ReplyTimes {
  /// The upper bounds of the buckets, in microseconds, ascending.
  static let bounds = [
    25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000, 1_000_000,
  ]

  /// How many requests took at most as long as each bound, and longer than the one
  /// before it.
  private var buckets = [Int](repeating: 0, count: bounds.count)
  private var count = 0
  private var nanoseconds: UInt64 = 0

  /// Counts a request.
  ///
  /// - Parameter nanoseconds: How long it took.
  mutating func add(_ nanoseconds: UInt64) {
    count += 1
    self.nanoseconds &+= nanoseconds
    let microseconds = Int(clamping: (nanoseconds + 999) / 1000)
    for (index, bound) in Self.bounds.enumerated() where microseconds <= bound {
      buckets[index] += 1
      return
    }
  }

  /// The histogram, one figure a line: how many requests took at most as long as
  /// each bound, how many there were, and how long they took together.
  var lines: [String] {
    var sum = 0
    var lines: [String] = []
    for (bound, number) in zip(Self.bounds, buckets) {
      sum += number
      lines.append("replies-within-\(bound)us \(sum)")
    }
    return lines + [
      "replies \(count)", "reply-microseconds \(nanoseconds / 1000)",
    ]
  }
}
