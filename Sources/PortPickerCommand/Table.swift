import HostSystem

/// A table with a heading and aligned columns.
///
/// Characters that could change the terminal's state are replaced by `?`.
struct Table {
  private let heading: [String]
  private var rows: [[String]] = []
  /// The columns of numbers, which are aligned to the right.
  private let numbers: Set<Int>

  init(_ heading: String..., numbers: Set<Int> = []) {
    self.heading = heading
    self.numbers = numbers
  }

  mutating func add(_ row: String...) {
    add(row)
  }

  mutating func add(_ row: [String]) {
    rows.append(row.map { printable($0) })
  }

  var isEmpty: Bool { rows.isEmpty }

  /// The lines of the table, the heading first.
  ///
  /// - Parameters:
  ///   - width: The maximum length of a line; longer ones are cut.
  ///   - emphasis: Text to put before and after the heading.
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
  /// The text, cut to a width.
  func cut(to width: Int?) -> String {
    guard let width, count > width else { return self }
    return String(prefix(max(width - 1, 0))) + "…"
  }
}
