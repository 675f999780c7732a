/// Writes metrics in Prometheus's text format, version 0.0.4.
struct MetricsText {
  /// What a metric measures.
  enum Kind: String {
    case counter
    case gauge
    case histogram
  }

  private(set) var text = ""

  /// Adds a metric.
  ///
  /// - Parameters:
  ///   - name: Its name, without `portserver_`.
  ///   - kind: Its type.
  ///   - help: One line about it.
  ///   - samples: The labels of each value, and the value; a metric without values
  ///     is left out.
  mutating func add(
    _ name: String, _ kind: Kind, _ help: String,
    _ samples: [(labels: [(String, String)], value: String)]
  ) {
    if samples.isEmpty { return }
    begin(name, kind, help)
    for sample in samples { addSample(name, sample.labels, sample.value) }
  }

  /// Adds a metric with one value; it is left out if the value is missing.
  mutating func add(
    _ name: String, _ kind: Kind, _ help: String, _ value: Int?
  ) {
    add(name, kind, help, value.map { [([], "\($0)")] } ?? [])
  }

  /// Adds a histogram.
  ///
  /// - Parameters:
  ///   - name: Its name, without `portserver_`.
  ///   - help: One line about it.
  ///   - buckets: The upper bound of each bucket, ascending, and how many values are
  ///     at most that.
  ///   - count: How many values there are.
  ///   - sum: Their sum.
  mutating func addHistogram(
    _ name: String, _ help: String, _ buckets: [(bound: String, count: Int)],
    count: Int, sum: String
  ) {
    begin(name, .histogram, help)
    for bucket in buckets {
      addSample(name + "_bucket", [("le", bucket.bound)], "\(bucket.count)")
    }
    addSample(name + "_bucket", [("le", "+Inf")], "\(count)")
    addSample(name + "_sum", [], sum)
    addSample(name + "_count", [], "\(count)")
  }

  /// Adds a comment for people.
  mutating func comment(_ text: String) {
    let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
    self.text += "# \(line)\n"
  }

  private mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
    text += "# HELP portserver_\(name) \(help)\n"
    text += "# TYPE portserver_\(name) \(kind.rawValue)\n"
  }

  private mutating func addSample(
    _ name: String, _ labels: [(String, String)], _ value: String
  ) {
    text += "portserver_\(name)"
    if !labels.isEmpty {
      text +=
        "{"
        + labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }
        .joined(separator: ",") + "}"
    }
    text += " \(value)\n"
  }

  private static func escaped(_ value: String) -> String {
    var text = ""
    for character in value.unicodeScalars {
      switch character {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(character)
      }
    }
    return text
  }
}

/// A number of microseconds in seconds, as a decimal without trailing zeros.
func seconds(microseconds: Int) -> String {
  let (whole, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
  if rest == 0 { return "\(whole)" }
  var digits = "\(1_000_000 + rest)".dropFirst()
  while digits.last == "0" { digits.removeLast() }
  return "\(whole).\(digits)"
}
