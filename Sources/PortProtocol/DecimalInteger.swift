/// Reads a whole number as Python's `int()` does, which is what the original
/// and its clients have always used on both ends of the protocol: blanks
/// around it, a sign, zeros in front and single underscores between digits are
/// all taken (Python Language Reference, "Integer literals").
///
/// - Returns: `nil` where the bytes are no such number or it does not fit.
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

extension UInt8 {
  fileprivate static let minus = UInt8(ascii: "-")
  fileprivate static let plus = UInt8(ascii: "+")
  fileprivate static let underscore = UInt8(ascii: "_")
  fileprivate static let zero = UInt8(ascii: "0")
  fileprivate static let nine = UInt8(ascii: "9")

  /// Space, tab, LF, vertical tab, form feed and CR.
  var isBlank: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}
