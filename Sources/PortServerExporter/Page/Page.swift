import HostSystem
import PortProtocol
import PortServerClient

/// The page for people.
///
/// It is sent in two parts: the first needs the server's figures alone, which come at
/// once; the second needs the leases, which may be many.
struct Page {
  let options: PageOptions
  let question: HTTPQuestion
  let address: String
  let reading: ObservedServer.Reading
  let samples: [History.Sample]

  /// What is searched for.
  var search: String {
    String((question.query["q"] ?? "").prefix(100))
      .split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  // MARK: - The first part

  /// Everything that can be shown without leases.
  var start: HTML {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(title)</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="page.css?\(portPickerVersion)">
    <script src="page.js?\(portPickerVersion)" defer></script>
    </head>
    <body>
    <a class="skip" href="#leases">Skip to the leases</a>
    <header>
    <h1>\(options.hostName ?? "Port server")</h1>
    \(state)
    </header>
    <main>
    \(figures)\(history)
    """
  }

  private var title: String {
    "Ports" + (options.hostName.map { " of \($0)" } ?? "")
  }

  private var state: HTML {
    switch reading.result {
    case .success(let status):
      let started = status.statistics["start-time"]
      let age = started.map { Int(wallClockSeconds()) - $0 }
      return """
        <p id="state" data-live>The port server at <code>\(address)</code> \
        answers. It is version \(status.version)\
        \(age.map { ", and has run for \(durationText($0))" } ?? "").</p>
        """
    case .failure(let error):
      let text = error.description
      return """
        <p id="state" class="down" role="alert" data-live>\
        \(text.prefix(1).uppercased() + text.dropFirst()).</p>
        """
    }
  }

  private var figures: HTML {
    guard case .success(let status) = reading.result else { return HTML() }
    let numbers = status.statistics
    let size = numbers["num-ports-managed"] ?? 0
    let leased = numbers["ports-leased"] ?? 0
    let inUse = numbers["ports-in-use"] ?? 0
    return """
      <section id="pool" aria-labelledby="pool-title" data-live>
      <h2 id="pool-title">Pool</h2>
      <p class="ranges">\(ranges(of: status))</p>
      \(bar(size: size, leased: leased, inUse: inUse))
      <dl class="figures">
      \(figure("Leased", leased, of: size))\
      \(figure("In use by others", inUse, of: size))\
      \(figure("Free", numbers["ports-free"], of: size))\
      \(figure("Processes", numbers["holders"]))\
      \(figure("Users", numbers["users"]))\
      \(figure("Given out", numbers["total-allocations"]))\
      \(figure("Returned", numbers["ports-returned"]))\
      \(figure("Reclaimed", numbers["ports-reclaimed"]))\
      \(refusals(numbers))\
      \(replyTime(numbers))\
      </dl>
      </section>

      """
  }

  private func ranges(of status: ServerStatus) -> HTML {
    let shown = status.pool.prefix(12).map { range in
      range.count == 1
        ? "\(range.lowerBound)" : "\(range.lowerBound)–\(range.upperBound)"
    }
    let rest = status.pool.count - shown.count
    let text =
      shown.joined(separator: ", ")
      + (rest > 0 ? " and \(grouped(rest)) more ranges" : "")
    return HTML(text: text)
  }

  private func bar(size: Int, leased: Int, inUse: Int) -> HTML {
    guard size > 0 else { return HTML() }
    func part(_ name: HTML, _ count: Int, from start: Int) -> HTML {
      // Something that exists is seen.
      let width = count == 0 ? 0 : Swift.max(count * 1000 / size, 3)
      return """
        <rect class="\(name)" x="\(start * 1000 / size)" width="\(width)" \
        height="10"/>
        """
    }
    return """
      <svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" \
      aria-hidden="true"><rect class="pool" width="1000" height="10"/>\
      \(part("in-use", inUse, from: leased))\(part("leased", leased, from: 0))\
      </svg>
      """
  }

  private func figure(_ name: HTML, _ value: Int?, of whole: Int = 0) -> HTML {
    guard let value else { return HTML() }
    let share: HTML =
      whole > 0
      ? " <span class=\"share\">\(Self.percent(value, of: whole))</span>"
      : HTML()
    return """
      <div><dt>\(name)</dt><dd>\(grouped(value))\(share)</dd></div>
      """
  }

  private static func percent(_ part: Int, of whole: Int) -> String {
    let tenths = part * 1000 / whole
    if tenths == 0, part > 0 { return "< 0.1 %" }
    return tenths >= 100 || tenths % 10 == 0
      ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
  }

  private func refusals(_ numbers: [String: Int]) -> HTML {
    guard let all = numbers["denied-allocations"] else { return HTML() }
    let reasons = [
      "exhausted": "pool exhausted", "limit": "over a limit",
      "not-permitted": "not permitted", "no-such-process": "no such process",
      "failed": "system error",
    ]
    .map { (text: $1, count: numbers["refused-\($0)"] ?? 0) }
    .filter { $0.count > 0 }
    .sorted { $0.count > $1.count }
    .map { "\(grouped($0.count)) \($0.text)" }
    return """
      <div\(all > 0 ? " class=\"warn\"" : HTML())><dt>Refused</dt>\
      <dd>\(grouped(all))\
      \(reasons.map { " <span class=\"share\">\($0)</span>" as HTML }.joined())\
      </dd></div>
      """
  }

  /// Within what time most requests were answered.
  private func replyTime(_ numbers: [String: Int]) -> HTML {
    guard let count = numbers["replies"], count > 0 else { return HTML() }
    let buckets = ReplyBuckets(numbers)
    guard let most = buckets.bound(ofShare: 0.99, among: count) else {
      return HTML()
    }
    return """
      <div><dt>99 % answered within</dt>\
      <dd>\(timeText(microseconds: most))</dd></div>
      """
  }

  private var history: HTML {
    """
    <section id="history" aria-labelledby="history-title" data-live>
    <h2 id="history-title">The last hour</h2>
    \(HistoryPlot(samples: samples).html)
    </section>

    """
  }

  // MARK: - The end

  /// The end of the page.
  var end: HTML {
    """
    </main>
    <footer><p>portserver-exporter \(portPickerVersion). <a href="metrics">Metrics \
    for Prometheus</a></p></footer>
    </body>
    </html>

    """
  }
}

/// The histogram of reply times in a server's figures.
struct ReplyBuckets {
  /// The upper bounds in microseconds, and how many replies took at most that.
  let buckets: [(bound: Int, count: Int)]

  init(_ figures: [String: Int]) {
    let prefix = "replies-within-"
    buckets = figures.compactMap { name, value in
      guard name.hasPrefix(prefix), name.hasSuffix("us") else { return nil }
      return Int(name.dropFirst(prefix.count).dropLast(2))
        .map { (bound: $0, count: value) }
    }
    .sorted { $0.bound < $1.bound }
  }

  /// The lowest bound that a share of all replies kept.
  func bound(ofShare share: Double, among count: Int) -> Int? {
    let needed = Int((Double(count) * share).rounded(.up))
    return buckets.first { $0.count >= needed }?.bound
  }
}
