/// The last hour as a picture: leased ports as a line, refusals as bars.
struct HistoryPlot {
  let samples: [History.Sample]

  private static let width = 720
  private static let height = 150
  /// How high the bars of refusals may be.
  private static let barHeight = 28

  var html: HTML {
    guard let last = samples.last else {
      return "<p class=\"quiet\">There is nothing to show yet.</p>"
    }
    let known = samples.compactMap(\.leased)
    let most = known.max() ?? 0
    let refused = samples.reduce(0) { $0 + $1.refused }
    let top = Self.roundUp(Swift.max(most, 10))
    let least = known.min() ?? 0
    let leased =
      least == most
      ? grouped(most) : "between \(grouped(least)) and \(grouped(most))"
    let summary =
      known.isEmpty
      ? "The server has not answered in this time."
      : "Leased ports: \(leased). Refused requests: \(grouped(refused))."
    return """
      <figure class="plot">
      <svg viewBox="0 0 \(Self.width) \(Self.height)" role="img" \
      aria-label="\(summary)" preserveAspectRatio="none">
      <path class="grid" d="M0 .5h\(Self.width)M0 \(Self.height / 2)h\
      \(Self.width)M0 \(Self.height)h\(Self.width)"/>
      \(lines(top: top, end: last.time))
      \(bars(end: last.time))
      </svg>
      <span class="top" aria-hidden="true">\(grouped(top)) ports</span>
      <div class="axis" aria-hidden="true"><span>60 min ago</span>\
      <span>30 min ago</span><span>now</span></div>
      <figcaption>\(summary)</figcaption>
      </figure>
      """
  }

  private func x(_ time: Int, end: Int) -> Int {
    Self.width - (end - time) * Self.width / History.length
  }

  /// The line of leased ports and the area under it, with gaps where the server did
  /// not answer.
  private func lines(top: Int, end: Int) -> HTML {
    var line = ""
    var area = ""
    for run in samples.split(whereSeparator: { $0.leased == nil }) {
      var points: [String] = []
      for sample in run {
        let leased = sample.leased ?? 0
        let y =
          Self.height - leased * (Self.height - 6) / Swift.max(top, 1)
        points.append("\(x(sample.time, end: end)) \(y)")
      }
      guard let first = run.first, let last = run.last else { continue }
      let path = points.joined(separator: "L")
      line += "M\(path)" + (points.count == 1 ? "h2" : "")
      area +=
        "M\(x(first.time, end: end)) \(Self.height)L\(path)L"
        + "\(x(last.time, end: end)) \(Self.height)Z"
    }
    return """
      <path class="area" d="\(area)"/><path class="line" d="\(line)"/>
      """
  }

  private func bars(end: Int) -> HTML {
    let most = samples.map(\.refused).max() ?? 0
    if most == 0 { return HTML() }
    var path = ""
    for sample in samples where sample.refused > 0 {
      let height = Swift.max(sample.refused * Self.barHeight / most, 2)
      path += "M\(x(sample.time, end: end)) \(Self.height)v-\(height)"
    }
    return "<path class=\"bars\" d=\"\(path)\"/>"
  }

  /// The next number of 1, 2 or 5 times a power of ten.
  static func roundUp(_ number: Int) -> Int {
    var power = 1
    while power * 10 <= number { power *= 10 }
    for factor in [1, 2, 5, 10] where factor * power >= number {
      return factor * power
    }
    return number
  }
}
