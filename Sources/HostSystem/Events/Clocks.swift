/// The time of day here, as RFC 3339 has it, to be read by people: no decision
/// rests on it.
package func wallClockTime() -> String {
  var now = time(nil)
  var fields = tm()
  localtime_r(&now, &fields)
  var text = [CChar](repeating: 0, count: 32)
  let count = strftime(&text, text.count, "%FT%T%z", &fields)
  return String(
    decoding: text[..<count].map { UInt8(truncatingIfNeeded: $0) },
    as: UTF8.self)
}
