/// Reads an integer as Python's `int()` does, which the original uses at both ends
/// of the protocol.
///
/// It accepts surrounding whitespace, a sign, leading zeros, and single underscores
/// between digits (Python Language Reference, "Integer literals").
///
/// - Returns: `nil` if the bytes are not such an integer, or it does not fit.
package func decimalInteger(_ bytes: some BidirectionalCollection<UInt8>)
  -> Int?
{
  var digits = bytes[...]
  while let first = digits.first, first.isBlank { digits.removeFirst() }
  while let last = digits.last, last.isBlank { digits.removeLast() }
  var isNegative = false
  if let sign = digits.first, sign == .minus || sign == .plus {
    isNegative = sign == .minus
    digits.removeFirst()
  }
  var value = 0
  var follows = false
  for byte in digits {
    if byte == .underscore, follows {
      follows = false
      continue
    }
    guard (.zero...(.nine)).contains(byte) else { return nil }
    let digit = Int(byte - .zero)
    let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
    let (sum, overflow) = product.addingReportingOverflow(
      isNegative ? -digit : digit)
    if tooLarge || overflow { return nil }
    value = sum
    follows = true
  }
  return follows ? value : nil
}

/// Reads an integer as Python's `int()` does.
package func decimalInteger(_ text: String) -> Int? {
  decimalInteger(Array(text.utf8))
}

extension FixedWidthInteger {
  /// Reads an integer that consists of decimal digits alone.
  init?(digits: some BidirectionalCollection<UInt8>) {
    guard digits.allSatisfy({ (.zero...(.nine)).contains($0) }),
      let value = decimalInteger(digits)
    else { return nil }
    self.init(exactly: value)
  }

  /// Reads an integer that consists of decimal digits alone.
  init?(digits: some StringProtocol) {
    self.init(digits: Array(digits.utf8))
  }
}

extension UInt8 {
  fileprivate static let minus = UInt8(ascii: "-")
  fileprivate static let plus = UInt8(ascii: "+")
  fileprivate static let underscore = UInt8(ascii: "_")
  fileprivate static let zero = UInt8(ascii: "0")
  fileprivate static let nine = UInt8(ascii: "9")

  /// Space, tab, LF, vertical tab, form feed and CR.
  var isBlank: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}
