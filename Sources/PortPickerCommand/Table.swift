/// Rows of words under a heading, in columns that line up.
struct Table {
  private let heading: [String]
  private var rows: [[String]] = []
  /// Which columns have numbers, which line up at their ends.
  private let numbers: Set<Int>

  init(_ heading: String..., numbers: Set<Int> = []) {
    self.heading = heading
    self.numbers = numbers
  }

  mutating func add(_ row: String...) {
    rows.append(row)
  }

  var isEmpty: Bool { rows.isEmpty }

  /// The lines of the table, the heading first.
  ///
  /// - Parameters:
  ///   - width: How long a line may be; what is too long is cut.
  ///   - emphasis: Put in front of the heading and behind it.
  /// - Returns: The lines.
  func lines(
    width: Int?, emphasis: (String, String) = ("", "")
  ) -> [String] {
    let all = [heading] + rows
    let widths = heading.indices.map { column in
      all.map { $0[column].count }.max() ?? 0
    }
    return all.enumerated().map { index, row in
      let cells = row.enumerated().map { column, cell in
        let padding = String(
          repeating: " ", count: widths[column] - cell.count)
        return numbers.contains(column) ? padding + cell : cell + padding
      }
      var line = cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      line = line.cut(to: width)
      return index == 0 ? emphasis.0 + line + emphasis.1 : line
    }
  }
}

extension String {
  /// The line, or, where it is longer than a width, what fits into that.
  func cut(to width: Int?) -> String {
    guard let width, count > width else { return self }
    return String(prefix(max(width - 1, 0))) + "…"
  }
}
