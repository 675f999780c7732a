import Foundation
import TestSupport
import Testing

@testable import PortServerClient
@testable import PortServerExporter

/// The page for people.
@Suite(.alone) struct PageTests {
  @Test func itShowsPoolFiguresHoldersAndLeases() throws {
    let block = try unusedTestBlock()
    let server = try RunningServer(
      pool: "\(block.lowerBound)-\(block.upperBound)")
    let holder = try HolderProcess()
    let port = try #require(try server.lease(for: getpid()))
    for _ in 0..<2 { #expect(try server.lease(for: holder.number) != nil) }
    let exporter = try RunningExporter(of: server.address)
    let page = try exporter.get("/")
    #expect(page.status == 200)
    #expect(page.fields["content-type"] == "text/html; charset=utf-8")
    #expect(
      page.fields["content-security-policy"]?.contains("default-src 'none'")
        == true)
    #expect(page.body.contains("<td class=\"number\">\(port)</td>"))
    #expect(page.body.contains(">\(getpid())</a>"))
    #expect(page.body.contains(">3 leases</p>"))
    #expect(page.body.contains("\(block.lowerBound)–\(block.upperBound)"))
    // The process with most ports comes first.
    let holders = page.body.components(separatedBy: "id=\"leases\"")[0]
    let first = try #require(holders.range(of: "q=\(holder.pid)#"))
    let second = try #require(holders.range(of: "q=\(getpid())#"))
    #expect(first.lowerBound < second.lowerBound)
    // Commands are not shown, and nothing comes from elsewhere.
    #expect(!page.body.contains("sleep"))
    #expect(!page.body.contains("//"))
    for file in ["/page.css", "/page.js"] {
      let answer = try exporter.get(file)
      #expect(answer.status == 200)
      #expect(!answer.body.contains("http"))
    }
  }

  @Test func aSearchFindsPortsPidsAndUsers() throws {
    let server = try RunningServer(pool: try unusedTestPool(5))
    let holder = try HolderProcess()
    let port = try #require(try server.lease(for: getpid()))
    for _ in 0..<2 { #expect(try server.lease(for: holder.number) != nil) }
    let exporter = try RunningExporter(of: server.address)
    func count(_ query: String) throws -> String? {
      let body = try exporter.get("/?q=\(query)").body
      guard let start = body.range(of: "role=\"status\">") else { return nil }
      return String(body[start.upperBound...].prefix { $0 != "<" })
    }
    #expect(try count("\(port)") == "1 lease that matches “\(port)”")
    #expect(try count(holder.pid)?.hasPrefix("2 leases") == true)
    #expect(try count("\(getuid())")?.hasPrefix("3 leases") == true)
    #expect(try count("+\(holder.pid)++\(getuid())+")?.hasPrefix("2 ") == true)
    #expect(try count("sleep") == "No lease matches “sleep”.")
    let open = try RunningExporter(of: server.address, ["--show-commands"])
    let found = try open.get("/?q=SLEEP").body
    #expect(found.contains("<bdi>/bin/sleep 100000</bdi>"))
  }

  @Test func whatOthersHaveChosenIsEscaped() throws {
    let server = try RunningServer(pool: try unusedTestPool(2))
    let hostile = "<script>alert(\"1\")</script>&'\u{202E}"
    let process = try Command(
      "/bin/bash", ["-c", "exec -a \"$0\" sleep 100000", hostile]
    ).start()
    defer { process.end() }
    #expect(try server.reply(to: "\(process.pid)\n") != "")
    let exporter = try RunningExporter(of: server.address, ["--show-commands"])
    // The program has replaced the shell when its command line is this one.
    while try String(
      contentsOfFile: "/proc/\(process.pid)/cmdline", encoding: .utf8
    ).hasPrefix("<") == false { usleep(1000) }
    let page = try exporter.get("/").body
    #expect(
      page.contains(
        "<bdi>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;"))
    #expect(!page.contains("<script>alert"))
    #expect(!page.contains("\u{202E}"))
    let search = try exporter.get(
      "/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    ).body
    #expect(!search.contains("<script>alert"))
    #expect(search.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)"))
    // Neither does a query that is no text do any harm.
    for query in ["%", "%ff%00", "&&==&q", "page=-1", "page=99999999999999"] {
      #expect(try exporter.get("/?\(query)").status == 200)
    }
  }

  @Test func tenThousandLeasesFitIntoAPage() throws {
    let leases = (0..<10_000).compactMap { number in
      ServedLease(
        parsing: "port=\(15_000 + 2 * number) pid=\(1_000_000 + number) "
          + "uid=100000 age=86399.9 command=&&&&&&&&&&&&&&&")
    }
    #expect(leases.count == 10_000)
    let part = LeasesPart(
      ServedLeases(leases: leases), pool: [15_000...35_000], search: "",
      number: 2, commands: HolderCommands())
    let html = part.html.source
    #expect(html.utf8.count < 180_000)
    #expect(html.contains("101–200 of 10\u{2009}000 leases"))
    #expect(html.contains("Page 2 of 100"))
    #expect(html.contains("href=\"./?page=3#leases\""))
    // The last page, if there is none with the number.
    let last = LeasesPart(
      ServedLeases(leases: leases), pool: [15_000...35_000], search: "",
      number: 1000, commands: nil)
    #expect(last.html.source.contains("Page 100 of 100"))
  }

  @Test func theMapHasAStrokeForEachRowOfNeighbors() {
    let map = PortMap(
      pool: [100...119, 200...219],
      leased: [100, 101, 103, 118, 119, 200, 219],
      inUse: [104...106], found: nil)
    // 40 ports in rows of 25: the cells 0, 1, 3, 18, 19, 20 and 39.
    #expect(map.columns == 25)
    #expect(map.path(of: map.leased) == "M0 0.5h2M3 0.5h1M18 0.5h3M14 1.5h1")
    #expect(map.html.source.contains("class=\"in-use\" d=\"M4 0.5h3\""))
    // A stroke ends with its row.
    let row = PortMap(pool: [1...50], leased: [25, 26], inUse: [], found: nil)
    #expect(row.path(of: row.leased) == "M24 0.5h1M0 1.5h1")
    #expect(
      PortMap(pool: [], leased: [], inUse: [], found: nil).html.source != "")
  }

  @Test func theLastHourIsKept() {
    let history = History()
    history.add(["ports-leased": 3, "denied-allocations": 10], at: 0)
    history.add(["ports-leased": 5, "denied-allocations": 12], at: 10)
    history.add(nil, at: 20)
    history.add(["ports-leased": 1, "denied-allocations": 4], at: 30)
    #expect(history.samples.map(\.leased) == [3, 5, nil, 1])
    // What was refused before is not known; a new server counts from zero.
    #expect(history.samples.map(\.refused) == [0, 2, 0, 4])
    let plot = HistoryPlot(samples: history.samples).html.source
    #expect(
      plot.contains("Leased ports: between 1 and 5. Refused requests: 6."))
    history.add(["ports-leased": 1], at: 3611)
    #expect(history.samples.map(\.time) == [20, 30, 3611])
    #expect(HistoryPlot(samples: []).html.source.contains("nothing"))
  }

  @Test(arguments: [
    (1, 1), (2, 2), (3, 5), (6, 10), (10, 10), (11, 20), (4999, 5000),
  ])
  func scalesEndWithRoundNumbers(number: Int, top: Int) {
    #expect(HistoryPlot.roundUp(number) == top)
  }

  @Test func numbersAndTimesAreReadable() {
    #expect(grouped(0) == "0")
    #expect(grouped(999) == "999")
    #expect(grouped(1_234_567) == "1\u{2009}234\u{2009}567")
    #expect(durationText(0) == "0 s")
    #expect(durationText(59) == "59 s")
    #expect(durationText(3660) == "1 h 1 min")
    #expect(durationText(86_400) == "1 d")
    #expect(timeText(microseconds: 250) == "250 µs")
    #expect(timeText(microseconds: 2500) == "2.5 ms")
    #expect(timeText(microseconds: 1_000_000) == "1 s")
    #expect(seconds(microseconds: 25) == "0.000025")
    #expect(seconds(microseconds: 2_500_000) == "2.5")
    #expect(percentDecoded("a%20b+c%2") == "a b c%2")
    #expect(percentEncoded("a b&ü") == "a%20b%26%C3%BC")
  }

  @Test func addressesToListenAt() {
    for text in ["127.0.0.1:9816", "localhost:1", "[::1]:9816"] {
      #expect(ListenAddress(text)?.isReachable == false)
    }
    for text in [":9816", "0.0.0.0:9816", "[::]:9816"] {
      #expect(ListenAddress(text)?.isReachable == true)
    }
    for text in ["", "9816", "host:1", "1.2.3.4:", "::1:1", "1.2.3.4:65536"] {
      #expect(ListenAddress(text) == nil)
    }
  }
}
