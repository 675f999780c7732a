import PortLeasing
import Testing

@Suite struct PortBitsTests {
  /// The same search, one bit at a time.
  private func row(
    of count: Int, in range: Range<Int>, _ bits: [Bool]
  ) -> Int? {
    range.first { first in
      first + count <= range.upperBound
        && bits[first..<first + count].allSatisfy { $0 }
    }
  }

  @Test(arguments: [0.5, 0.9, 0.99, 0.999, 1])
  func rowsAreFoundWhereTheyAre(share: Double) {
    for length in [1, 63, 64, 65, 128, 700] {
      var bits = PortBits(count: length)
      let expected = (0..<length).map { _ in Double.random(in: 0..<1) < share }
      for (index, bit) in expected.enumerated() {
        bits[index] = !bit
        bits[index] = bit
        #expect(bits[index] == bit)
      }
      for count in [1, 2, 3, 5, 63, 64, 65, 130, 160] {
        for _ in 0..<10 {
          let start = Int.random(in: 0...length)
          let range = start..<Int.random(in: start...length)
          #expect(
            bits.row(of: count, in: range)
              == row(of: count, in: range, expected),
            "\(count) in \(range) of \(expected)")
        }
      }
    }
  }
}
