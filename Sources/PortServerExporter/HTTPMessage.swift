/// A request of HTTP, as far as the exporter looks at it.
struct HTTPQuestion: Sendable {
  var method: String
  /// The path, without the query.
  var path: String
  /// The values of the query by name, decoded; the last one of a name counts.
  var query: [String: String]
  /// The field `Host`; `nil` if there is none.
  var host: String?
  /// Whether the connection is to an address of this host alone.
  var isOnLoopback: Bool

  /// - Parameters:
  ///   - method: The method.
  ///   - target: The path, and after `?` the query.
  ///   - host: The field `Host`.
  ///   - isOnLoopback: Whether the connection is to a loopback address.
  init(method: String, target: String, host: String?, isOnLoopback: Bool) {
    let parts = target.split(
      separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    self.method = method
    path = String(parts.first ?? "/")
    self.host = host
    self.isOnLoopback = isOnLoopback
    query = [:]
    for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
      let words = pair.split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      query[percentDecoded(words[0])] =
        words.count > 1 ? percentDecoded(words[1]) : ""
    }
  }

  /// Whether the field `Host` names this host, as it does if the user, and not a
  /// page of another site whose name leads here, asks.
  ///
  /// It matters only on a loopback address, which others cannot reach.
  var isForThisHost: Bool {
    guard isOnLoopback, let host else { return true }
    var name = host[...]
    if name.hasPrefix("[") {
      name = name.dropFirst().prefix { $0 != "]" }
    } else if let colon = name.lastIndex(of: ":") {
      name = name[..<colon]
    }
    return name.lowercased() == "localhost" || name == "::1"
      || name.hasPrefix("127.")
        && name.allSatisfy { $0.isNumber || $0 == "." }
  }
}

/// A reply of HTTP, or the first part of one.
struct HTTPAnswer: Sendable {
  var status: Int
  var contentType = "text/plain; charset=utf-8"
  /// More fields.
  var fields: [(String, String)] = []
  var body: String

  /// A line of text.
  static func line(_ status: Int, _ text: String) -> HTTPAnswer {
    HTTPAnswer(status: status, body: text + "\n")
  }

  /// A file whose URL contains the version, so that it never changes.
  static func file(_ text: String, _ contentType: String) -> HTTPAnswer {
    HTTPAnswer(
      status: 200, contentType: contentType,
      fields: [("Cache-Control", "max-age=86400")], body: text)
  }
}

/// A part of a query with `%XX` and `+` decoded; invalid UTF-8 is replaced.
func percentDecoded(_ text: some StringProtocol) -> String {
  var bytes: [UInt8] = []
  var rest = Array(text.utf8)[...]
  while let byte = rest.popFirst() {
    if byte == UInt8(ascii: "+") {
      bytes.append(UInt8(ascii: " "))
    } else if byte == UInt8(ascii: "%"), rest.count >= 2,
      let high = hexDigit(rest[rest.startIndex]),
      let low = hexDigit(rest[rest.startIndex + 1])
    {
      bytes.append(high << 4 | low)
      rest = rest.dropFirst(2)
    } else {
      bytes.append(byte)
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// A text for a query, with everything encoded but letters, digits and `-._~`.
func percentEncoded(_ text: String) -> String {
  var encoded = ""
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
      UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
      encoded.unicodeScalars.append(Unicode.Scalar(byte))
    default:
      let digits = String(byte, radix: 16, uppercase: true)
      encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
    }
  }
  return encoded
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
