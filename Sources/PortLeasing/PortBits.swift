/// Which of some ports are of a kind, a bit for each: so that rows of them are
/// found 64 ports at a time.
package struct PortBits {
  private var words: [UInt64]

  /// None of them.
  ///
  /// - Parameter count: How many ports there are.
  package init(count: Int) {
    // One more, so that each has a next one.
    words = Array(repeating: 0, count: (count + 63) / 64 + 1)
  }

  /// Whether a port, by its place among them, is of the kind.
  package subscript(index: Int) -> Bool {
    get { words[index / 64] >> UInt64(index % 64) & 1 != 0 }
    set {
      let bit: UInt64 = 1 << UInt64(index % 64)
      if newValue {
        words[index / 64] |= bit
      } else {
        words[index / 64] &= ~bit
      }
    }
  }

  /// Where the first row of ports of the kind begins.
  ///
  /// - Parameters:
  ///   - count: How many, at least 1.
  ///   - range: Where the row has to be.
  /// - Returns: The first of them; `nil` where there is no such row.
  package func row(of count: Int, in range: Range<Int>) -> Int? {
    var index = range.lowerBound
    while index + count <= range.upperBound {
      let word = index / 64
      let starts =
        rowStarts(in: word, of: min(count, 64)) & UInt64.max
        << UInt64(index % 64)
      if starts == 0 {
        index = (word + 1) * 64
        continue
      }
      let first = word * 64 + starts.trailingZeroBitCount
      if first + count > range.upperBound { return nil }
      // Of a longer row, the rest has not been looked at.
      let gap = (first..<first + count).dropFirst(64).first { !self[$0] }
      guard let gap else { return first }
      index = gap + 1
    }
    return nil
  }

  /// The bits of a word at which rows of so many begin.
  ///
  /// - Parameters:
  ///   - word: Which word.
  ///   - count: How many, 64 at most.
  /// - Returns: Those bits.
  private func rowStarts(in word: Int, of count: Int) -> UInt64 {
    var starts = UInt128(words[word + 1]) << 64 | UInt128(words[word])
    // A bit stands for a row of so many that begins there.
    var length = 1
    while length < count {
      let step = min(length, count - length)
      starts &= starts >> UInt128(step)
      length += step
    }
    return UInt64(truncatingIfNeeded: starts)
  }
}
