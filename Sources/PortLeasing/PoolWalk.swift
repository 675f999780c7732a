/// A walk through a pool, one port at a time: from the port after the cursor to the last
/// one, then from the first one to the cursor.
package struct PoolWalk {
  private let pool: PortPool
  private let cursor: UInt16
  private let overlap: Int
  /// How many ranges the walk has entered or skipped, in two passes: the first for the
  /// ports after the cursor, the second for the others.
  private var entered = 0
  /// The last port of the current range.
  private var last: UInt16 = 0
  /// The port that the walk has reached; `nil` at its end.
  package private(set) var port: UInt16?

  /// - Parameters:
  ///   - pool: The pool.
  ///   - cursor: The port that was handed out last; it need not be in the pool.
  ///   - overlap: How many ports after the cursor are visited again at the end, so that
  ///     a row of consecutive ports can contain the cursor.
  package init(_ pool: PortPool, after cursor: UInt16, overlap: Int = 0) {
    self.pool = pool
    self.cursor = cursor
    self.overlap = overlap
    enterNextRange()
  }

  package mutating func advance() {
    guard let current = port else { return }
    if current < last {
      port = current + 1
    } else {
      enterNextRange()
    }
  }

  package mutating func restart() {
    self = PoolWalk(pool, after: cursor, overlap: overlap)
  }

  private mutating func enterNextRange() {
    let count = pool.ranges.count
    while entered < 2 * count {
      let isFirstPass = entered < count
      let range = pool.ranges[isFirstPass ? entered : entered - count]
      entered += 1
      if isFirstPass, range.upperBound > cursor {
        port = max(range.lowerBound, cursor + 1)
        last = range.upperBound
        return
      }
      if !isFirstPass, range.lowerBound <= cursor {
        port = range.lowerBound
        last = UInt16(min(Int(range.upperBound), Int(cursor) + overlap))
        return
      }
    }
    port = nil
  }
}
