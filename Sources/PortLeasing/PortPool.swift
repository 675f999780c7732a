package import HostSystem

/// The ports that one allocator hands out, in ascending order.
package struct PortPool: Hashable, Sendable {
  /// Ranges in ascending order with a gap between any two.
  package let ranges: [ClosedRange<UInt16>]

  /// How many ports there are.
  package var count: Int { ranges.reduce(0) { $0 + $1.count } }

  package var isEmpty: Bool { ranges.isEmpty }

  /// From the smallest of its ports to the largest; of an empty pool, 1.
  package var bounds: ClosedRange<UInt16> {
    guard let first = ranges.first, let last = ranges.last else { return 1...1 }
    return first.lowerBound...last.upperBound
  }

  /// A pool of all the ports in some ranges, which may overlap.
  ///
  /// Port 0 is no port and is left out.
  package init(_ ranges: some Sequence<ClosedRange<UInt16>>) {
    var merged: [ClosedRange<UInt16>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      guard range.upperBound > 0 else { continue }
      let lower = max(range.lowerBound, 1)
      if let last = merged.last, Int(lower) <= Int(last.upperBound) + 1 {
        merged[merged.count - 1] =
          last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        merged.append(lower...range.upperBound)
      }
    }
    self.ranges = merged
  }

  /// The pool without the ports of another.
  package func subtracting(_ removed: PortPool) -> PortPool {
    intersection(removed.complement)
  }

  /// The ports that both pools have.
  package func intersection(_ other: PortPool) -> PortPool {
    var shared: [ClosedRange<UInt16>] = []
    var (mine, theirs) = (ranges[...], other.ranges[...])
    while let first = mine.first, let second = theirs.first {
      if first.overlaps(second) { shared.append(first.clamped(to: second)) }
      if first.upperBound < second.upperBound {
        mine.removeFirst()
      } else {
        theirs.removeFirst()
      }
    }
    return PortPool(shared)
  }

  /// All ports that the pool does not have.
  private var complement: PortPool {
    var gaps: [ClosedRange<UInt16>] = []
    var next = 1
    for range in ranges {
      if next < Int(range.lowerBound) {
        gaps.append(UInt16(next)...range.lowerBound - 1)
      }
      next = Int(range.upperBound) + 1
    }
    if next <= Int(UInt16.max) { gaps.append(UInt16(next)...UInt16.max) }
    return PortPool(gaps)
  }

  /// Any of the pool's ports; 0 where it has none.
  package func randomPort() -> UInt16 {
    guard !isEmpty else { return 0 }
    var position = Int.random(in: 0..<count)
    for range in ranges {
      if position < range.count { return range.lowerBound + UInt16(position) }
      position -= range.count
    }
    return 0
  }

  /// The pool's ports in the order in which they are tried: from the one
  /// behind the cursor up to the last, then from the first up to the cursor.
  ///
  /// - Parameters:
  ///   - cursor: The port that was handed out last; it need not be in the
  ///     pool.
  ///   - overlap: How far the ranges go on past the cursor at the end, for
  ///     whoever looks for that many ports and one in a row.
  /// - Returns: Ranges without a gap in them, the first to be tried first.
  package func ranges(
    after cursor: UInt16, overlap: Int = 0
  ) -> [ClosedRange<UInt16>] {
    var behind: [ClosedRange<UInt16>] = []
    var ahead: [ClosedRange<UInt16>] = []
    for range in ranges {
      if range.upperBound <= cursor {
        behind.append(range)
      } else if range.lowerBound > cursor {
        ahead.append(range)
      } else {
        let last = min(Int(range.upperBound), Int(cursor) + overlap)
        behind.append(range.lowerBound...UInt16(last))
        ahead.append(cursor + 1...range.upperBound)
      }
    }
    return ahead + behind
  }
}

extension PortPool: CustomStringConvertible {
  /// As it is written on a command line: `25000-32767,40000`.
  package var description: String {
    Self.text(ranges[...])
  }

  /// The pool in a sentence: of many ranges, the first few.
  package var summary: String {
    let shown = 4
    if ranges.count <= shown + 1 { return description }
    return Self.text(ranges.prefix(shown))
      + " and \(ranges.count - shown) other ranges"
  }

  private static func text(_ ranges: ArraySlice<ClosedRange<UInt16>>) -> String
  {
    ranges.map {
      $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
    }.joined(separator: ",")
  }
}

extension PortPool {
  /// What the embedded allocator hands out unless it is told otherwise:
  /// 25000–32767, less what the kernel hands out by itself.
  ///
  /// If that leaves nothing, all of it.
  ///
  /// It has no port in common with 15000–24999, the default of port servers.
  package static func embedded(on kernel: KernelPorts) -> PortPool {
    let all = PortPool([25000...32767])
    let rest = all.subtracting(kernel.handedOut)
    return rest.isEmpty ? all : rest
  }
}

extension KernelPorts {
  /// The ports that the kernel hands out by itself, to `bind(0)` and to
  /// outgoing connections.
  package var handedOut: PortPool {
    PortPool(ephemeral.map { [$0] } ?? []).subtracting(PortPool(reserved))
  }
}
