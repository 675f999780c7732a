/// A set of ports with one bit for each, in which rows of consecutive ports are
/// found 64 ports at a time.
package struct PortBits {
  private var words: [UInt64]

  /// An empty set.
  ///
  /// - Parameter count: How many ports it can contain.
  package init(count: Int) {
    // One more, so that every word has a next one.
    words = Array(repeating: 0, count: (count + 63) / 64 + 1)
  }

  /// Whether the set contains the port with an index.
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

  /// Finds the first row of consecutive ports.
  ///
  /// - Parameters:
  ///   - count: The length of the row, at least 1.
  ///   - range: The indices to search.
  /// - Returns: The row's first index; `nil` if no row is that long.
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
      // Only the first 64 ports of a longer row have been checked.
      let gap = (first..<first + count).dropFirst(64).first { !self[$0] }
      guard let gap else { return first }
      index = gap + 1
    }
    return nil
  }

  /// The bits of a word at which rows start.
  ///
  /// - Parameters:
  ///   - word: The word's index.
  ///   - count: The length of the rows, at most 64.
  /// - Returns: Those bits.
  private func rowStarts(in word: Int, of count: Int) -> UInt64 {
    var starts = UInt128(words[word + 1]) << 64 | UInt128(words[word])
    // A set bit means that a row of this length starts there.
    var length = 1
    while length < count {
      let step = min(length, count - length)
      starts &= starts >> UInt128(step)
      length += step
    }
    return UInt64(truncatingIfNeeded: starts)
  }
}
