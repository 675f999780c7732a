/// A number with a thin space between groups of three digits.
func grouped(_ number: Int) -> String {
  let digits = Array("\(number.magnitude)")
  var text = number < 0 ? "−" : ""
  for (index, digit) in digits.enumerated() {
    if index > 0, (digits.count - index) % 3 == 0 { text += "\u{2009}" }
    text.append(digit)
  }
  return text
}

/// A duration in its two largest units, such as `3 d 4 h`.
func durationText(_ seconds: Int) -> String {
  let seconds = Swift.max(seconds, 0)
  let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")]
  guard let first = units.firstIndex(where: { seconds >= $0.0 }) else {
    return "0 s"
  }
  let (size, name) = units[first]
  var text = "\(seconds / size) \(name)"
  if first + 1 < units.count {
    let (next, nextName) = units[first + 1]
    let rest = seconds % size / next
    if rest > 0 { text += " \(rest) \(nextName)" }
  }
  return text
}

/// A time in microseconds, such as `250 µs`, `2.5 ms` or `1 s`.
func timeText(microseconds: Int) -> String {
  if microseconds < 1000 { return "\(microseconds) µs" }
  let (unit, name) =
    microseconds < 1_000_000 ? (1000, "ms") : (1_000_000, "s")
  let tenths = microseconds * 10 / unit
  return tenths % 10 == 0
    ? "\(tenths / 10) \(name)" : "\(tenths / 10).\(tenths % 10) \(name)"
}
