import TestSupport

extension Command.Result {
  /// What `portpicker doctor` has found, with one space between words.
  var findings: [String] {
    output.split(separator: "\n").map {
      $0.split(separator: " ").joined(separator: " ")
    }
  }
}

/// Whether one of some lines begins with a text and contains others.
func has(_ lines: [String], _ start: String, _ parts: String...) -> Bool {
  lines.contains { line in
    line.hasPrefix(start) && parts.allSatisfy { line.contains($0) }
  }
}
