package import HostSystem

/// The ports that an allocator hands out, in ascending order.
package struct PortPool: Hashable, Sendable {
  /// Ranges in ascending order, with gaps between them.
  package let ranges: [ClosedRange<UInt16>]

  /// How many ports there are.
  package var count: Int { ranges.reduce(0) { $0 + $1.count } }

  package var isEmpty: Bool { ranges.isEmpty }

  /// From the smallest port to the largest; 1–1 for an empty pool.
  package var bounds: ClosedRange<UInt16> {
    guard let first = ranges.first, let last = ranges.last else { return 1...1 }
    return first.lowerBound...last.upperBound
  }

  /// A pool of the ports in ranges, which may overlap.
  ///
  /// Port 0 is ignored.
  package init(_ ranges: [ClosedRange<UInt16>]) {
    // The usual case, which is part of every pick.
    if ranges.count == 1, ranges[0].lowerBound > 0 {
      self.ranges = ranges
      return
    }
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

  /// A pool of ranges that are in ascending order, with gaps between them.
  private init(ascending ranges: [ClosedRange<UInt16>]) {
    self.ranges = ranges
  }

  /// The pool without the ports of another.
  package func subtracting(_ removed: PortPool) -> PortPool {
    intersection(removed.complement)
  }

  /// The ports in both pools.
  package func intersection(_ other: PortPool) -> PortPool {
    var shared: [ClosedRange<UInt16>] = []
    _ = containsShared(with: other) {
      shared.append($0)
      return false
    }
    return PortPool(ascending: shared)
  }

  /// Whether both pools contain a port.
  package func overlaps(_ other: PortPool) -> Bool {
    containsShared(with: other) { _ in true }
  }

  /// Whether a condition is true of a range of ports that are in both pools; the ranges are
  /// checked in ascending order.
  private func containsShared(
    with other: PortPool, where condition: (ClosedRange<UInt16>) -> Bool
  ) -> Bool {
    var (mine, theirs) = (0, 0)
    while mine < ranges.count, theirs < other.ranges.count {
      let (first, second) = (ranges[mine], other.ranges[theirs])
      if first.overlaps(second), condition(first.clamped(to: second)) {
        return true
      }
      if first.upperBound < second.upperBound {
        mine += 1
      } else {
        theirs += 1
      }
    }
    return false
  }

  /// All ports that are not in the pool.
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
    return PortPool(ascending: gaps)
  }

  /// A random port of the pool; 0 if the pool is empty.
  package func randomPort() -> UInt16 {
    guard !isEmpty else { return 0 }
    var position = Int.random(in: 0..<count)
    for range in ranges {
      if position < range.count { return range.lowerBound + UInt16(position) }
      position -= range.count
    }
    return 0
  }
}

extension PortPool: CustomStringConvertible {
  /// The command-line form: `25000-32767,40000`.
  package var description: String {
    Self.text(ranges[...])
  }

  /// A form for messages: the first few ranges, and how many others there are.
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
  /// The default pool of the embedded allocator: 25000–32767, without the ports
  /// that the kernel hands out.
  ///
  /// If that leaves nothing, the whole range.
  ///
  /// It is disjoint from 15000–24999, the default pool of port servers.
  package static func embedded(on kernel: KernelPorts) -> PortPool {
    let all = PortPool([25000...32767])
    let rest = all.subtracting(kernel.handedOut)
    return rest.isEmpty ? all : rest
  }
}

extension KernelPorts {
  /// The ports that the kernel hands out to `bind(0)` and to outgoing connections.
  package var handedOut: PortPool {
    PortPool(ephemeral.map { [$0] } ?? []).subtracting(PortPool(reserved))
  }
}
