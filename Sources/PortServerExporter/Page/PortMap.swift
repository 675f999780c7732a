/// A map of a pool, with a cell for each port, in rows.
///
/// Cells of one kind that are next to each other are one stroke, so that the map of
/// ten thousand ports takes some kilobytes.
struct PortMap {
  let pool: [ClosedRange<UInt16>]
  /// The leased ports, ascending.
  let leased: [UInt16]
  /// The ranges of ports that others use, ascending.
  let inUse: [ClosedRange<UInt16>]
  /// Those leased ports that a search has found; `nil` without a search.
  let found: [UInt16]?

  /// How many ports the pool has.
  private var count: Int { pool.reduce(0) { $0 + $1.count } }

  /// How many cells a row has.
  var columns: Int {
    switch count {
    case ...100: 25
    case ...2500: 50
    case ...12_000: 100
    default: 200
    }
  }

  var html: HTML {
    guard let first = pool.first?.lowerBound, let last = pool.last?.upperBound
    else { return "<p class=\"quiet\">The pool has no ports.</p>" }
    let rows = (count + columns - 1) / columns
    let ranges = pool.map { "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ",")
    let summary =
      "\(grouped(leased.count)) of \(grouped(count)) ports are leased"
    return """
      <figure class="map">
      <svg viewBox="0 0 \(columns) \(rows)" role="img" aria-label="\(summary)" \
      data-ranges="\(ranges)" data-columns="\(columns)">
      <defs><pattern id="gaps" width="1" height="1" \
      patternUnits="userSpaceOnUse"><path d="M1 0V1H0"/></pattern></defs>
      <path class="pool" d="\(background(rows))"/>
      <path class="in-use" d="\(path(of: inUse.flatMap(Array.init)))"/>
      <path class="leased" d="\(path(of: leased))"/>
      \(foundPath)<rect class="gaps" width="\(columns)" height="\(rows)" \
      fill="url(#gaps)"/>
      </svg>
      <figcaption>\(summary). Each cell is a port, from \(first) at the top left \
      to \(last); each row has \(columns).\(legend)</figcaption>
      </figure>
      """
  }

  private var foundPath: HTML {
    guard let found else { return HTML() }
    return "<path class=\"found\" d=\"\(path(of: found))\"/>\n"
  }

  private var legend: HTML {
    var legend: HTML = " <span class=\"leased\">Leased</span>"
    if !inUse.isEmpty {
      legend += " <span class=\"in-use\">In use by others</span>"
    }
    if found != nil { legend += " <span class=\"found\">Found</span>" }
    return legend
  }

  private func background(_ rows: Int) -> String {
    let rest = count % columns
    let whole = count / columns
    var path = ""
    if whole > 0 { path = "M0 0h\(columns)v\(whole)h-\(columns)Z" }
    if rest > 0 { path += "M0 \(whole)h\(rest)v1h-\(rest)Z" }
    return path
  }

  /// Strokes through the middle of the cells of some ports, which ascend.
  func path(of ports: [UInt16]) -> String {
    var path = ""
    var start = 0
    var length = 0
    func flush() {
      if length == 0 { return }
      path += "M\(start % columns) \(start / columns).5h\(length)"
    }
    var base = 0
    var rest = ports[...]
    for range in pool {
      while let port = rest.first, port <= range.upperBound {
        rest = rest.dropFirst()
        if port < range.lowerBound { continue }
        let index = base + Int(port - range.lowerBound)
        if length > 0, index == start + length, index % columns != 0 {
          length += 1
        } else {
          flush()
          (start, length) = (index, 1)
        }
      }
      base += range.count
    }
    flush()
    return path
  }
}
