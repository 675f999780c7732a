import Foundation
import TestSupport
import Testing

/// What the exporter answers to HTTP, with a real server behind it.
@Suite(.alone) struct ExporterTests {
  @Test func theMetricsAreTheServersFigures() throws {
    let server = try RunningServer(pool: try unusedTestPool(3))
    let exporter = try RunningExporter(of: server.address)
    for _ in 0..<3 { #expect(try server.lease(for: getpid()) != nil) }
    #expect(try server.lease(for: getpid()) == nil)
    let metrics = try exporter.metrics()
    #expect(metrics["portserver_up"] == "1")
    #expect(metrics["portserver_build_info{version=\"0.1.0\"}"] == "1")
    #expect(metrics["portserver_pool_ports"] == "3")
    #expect(metrics["portserver_ports{state=\"leased\"}"] == "3")
    #expect(metrics["portserver_ports{state=\"free\"}"] == "0")
    #expect(metrics["portserver_ports{state=\"in_use\"}"] == "0")
    #expect(metrics["portserver_user_ports{uid=\"\(getuid())\"}"] == "3")
    #expect(metrics["portserver_refusals_total{reason=\"exhausted\"}"] == "1")
    #expect(metrics["portserver_refusals_total{reason=\"limit\"}"] == "0")
    #expect(metrics["portserver_requests_total{version=\"1\"}"] == "4")
    #expect(metrics["portserver_ports_leased_total"] == "3")
    #expect(metrics["portserver_holders"] == "1")
    let count = "portserver_request_duration_seconds_count"
    #expect(metrics[count] == "4")
    #expect(
      metrics["portserver_request_duration_seconds_bucket{le=\"+Inf\"}"] == "4")
    #expect(
      metrics["portserver_request_duration_seconds_bucket{le=\"0.000025\"}"]
        != nil)
    let text = try exporter.get("/metrics")
    #expect(
      text.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
    // Nothing of a process but its user is in a label.
    #expect(!text.body.contains("pid"))
  }

  @Test(.enabled(if: promtool != nil, "there is no promtool"))
  func promtoolFindsNothing() throws {
    let server = try RunningServer(pool: try unusedTestPool(3))
    #expect(try server.lease(for: getpid()) != nil)
    let exporter = try RunningExporter(of: server.address)
    let directory = try TemporaryDirectory()
    let file = directory.file("metrics")
    try exporter.get("/metrics").body.write(
      toFile: file, atomically: false, encoding: .utf8)
    let result = try Command(
      "/bin/sh", ["-c", "promtool check metrics < \"$0\"", file]
    ).run()
    #expect(result.status == 0)
    #expect(result.output + result.errors == "")
  }

  private static let promtool = [
    "/usr/bin/promtool", "/usr/local/bin/promtool",
  ]
  .first { FileManager.default.isExecutableFile(atPath: $0) }

  @Test func aServerThatIsDownIsReportedAsDown() throws {
    let address = RunningServer.unusedAddress()
    let exporter = try RunningExporter(of: address)
    #expect(try exporter.metrics()["portserver_up"] == "0")
    #expect(try exporter.get("/metrics").status == 200)
    let health = try exporter.get("/healthz")
    #expect(health.status == 503)
    #expect(health.body.contains("cannot be reached"))
    let page = try exporter.get("/")
    #expect(page.status == 503)
    #expect(page.body.contains("cannot be reached"))
    #expect(page.body.hasSuffix("</html>\n"))
    // It comes, goes, and comes again.
    for _ in 0..<2 {
      let server = try RunningServer(
        pool: try unusedTestPool(1), address: address)
      #expect(try exporter.get("/healthz").body == "ok\n")
      #expect(try exporter.metrics()["portserver_up"] == "1")
      #expect(try exporter.get("/").status == 200)
      server.end()
      #expect(try exporter.get("/healthz").status == 503)
    }
  }

  @Test func aServerThatHangsIsReportedInTime() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let exporter = try RunningExporter(
      of: server.address, ["--timeout", "0.2"])
    server.process.signal(SIGSTOP)
    let clients = try (0..<20).map { _ in
      let client = try HTTPTestClient(port: exporter.port)
      try client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
      return client
    }
    for client in clients {
      let health = try client.receive()
      #expect(health.status == 503)
      #expect(health.body.contains("did not answer within 0.2"))
    }
    #expect(try exporter.metrics()["portserver_up"] == "0")
    server.process.signal(SIGCONT)
    #expect(try exporter.get("/healthz").status == 200)
    // All of them together have cost the server about one request.
    let requests = try #require(try server.figures()["requests-version-2"])
    #expect(requests < 16)
  }

  @Test func aServerOfVersionOneIsTooOld() throws {
    let server = try FakeServer(.slam)
    let exporter = try RunningExporter(of: server.address)
    let health = try exporter.get("/healthz")
    #expect(health.status == 503)
    #expect(health.body.contains("knows only version 1"))
  }

  @Test func headIsGetWithoutBody() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let exporter = try RunningExporter(of: server.address)
    for target in ["/metrics", "/healthz", "/", "/page.css", "/nowhere"] {
      // Both on one connection: a body would be taken for the next answer.
      let client = try HTTPTestClient(port: exporter.port)
      let head = try client.ask("HEAD", target)
      let get = try client.ask("GET", target)
      #expect(head.status == get.status)
      #expect(head.fields["content-type"] == get.fields["content-type"])
      #expect(get.body != "")
    }
  }

  @Test func everythingElseIsRefusedWithAReason() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let exporter = try RunningExporter(of: server.address)
    let client = try HTTPTestClient(port: exporter.port)
    #expect(try client.ask("GET", "/lease").status == 404)
    #expect(try client.ask("GET", "/metrics/").status == 404)
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
      let answer = try client.ask(method, "/metrics")
      #expect(answer.status == 405)
      #expect(answer.fields["allow"] == "GET, HEAD")
    }
    for request in [
      "nonsense\r\n\r\n", "GET /metrics\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
      "GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 40_000))\r\n\r\n",
      "\u{16}\u{3}\u{1}\u{2}\u{0}",
    ] {
      let bad = try HTTPTestClient(port: exporter.port)
      try bad.send(request)
      let answer = try bad.receiveAll()
      #expect(answer == "" || answer.hasPrefix("HTTP/1.1 400 "), "\(request)")
    }
    #expect(try exporter.get("/healthz").status == 200)
    #expect(try server.figures()["total-allocations"] == 0)
  }

  @Test func aPageOfAnotherSiteLearnsNothing() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let exporter = try RunningExporter(of: server.address)
    let client = try HTTPTestClient(port: exporter.port)
    #expect(try client.ask("GET", "/", host: "evil.example").status == 421)
    #expect(
      try client.ask("GET", "/", host: "127.0.0.1.evil.example:1").status
        == 421)
    for host in ["localhost", "LOCALHOST:9816", "127.0.0.1:9816", "[::1]:1"] {
      #expect(try client.ask("GET", "/healthz", host: host).status == 200)
    }
  }

  @Test func aRequestInPiecesAndSeveralAtOnceAreAnswered() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let exporter = try RunningExporter(of: server.address)
    let client = try HTTPTestClient(port: exporter.port)
    for byte in "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" {
      try client.send(String(byte))
    }
    #expect(try client.receive().body == "ok\n")
    let one = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    try client.send(String(repeating: one, count: 50))
    for _ in 0..<50 { #expect(try client.receive().body == "ok\n") }
    let old = try HTTPTestClient(port: exporter.port)
    try old.send("GET /healthz HTTP/1.0\r\n\r\n")
    #expect(try old.receiveAll().hasSuffix("\r\n\r\nok\n"))
    let last = try HTTPTestClient(port: exporter.port)
    try last.send(
      "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    #expect(try last.receiveAll().contains("</html>"))
  }

  @Test func whoHasClosedItsSideIsAnswered() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let exporter = try RunningExporter(of: server.address)
    for target in ["/healthz", "/"] {
      let client = try HTTPTestClient(port: exporter.port)
      try client.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n")
      client.finishSending()
      #expect(try client.receiveAll().hasPrefix("HTTP/1.1 200 OK"))
    }
    // And whoever has nothing to ask is not waited for.
    let silent = try HTTPTestClient(port: exporter.port)
    silent.finishSending()
    #expect(try silent.receiveAll() == "")
  }

  @Test func aThousandConnectionsAreServed() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let exporter = try RunningExporter(of: server.address)
    var clients: [HTTPTestClient] = []
    // Half of them are silent, or in the middle of a request.
    for number in 0..<1000 {
      let client = try HTTPTestClient(port: exporter.port)
      switch number % 4 {
      case 0: break
      case 1: try client.send("GET /metrics HTTP/1.1\r\nHo")
      default:
        try client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
      }
      clients.append(client)
    }
    for (number, client) in clients.enumerated() where number % 4 > 1 {
      #expect(try client.receive().status == 200)
    }
    #expect(try exporter.get("/healthz").status == 200)
  }

  @Test func aSlowClientIsClosedAndDelaysNobody() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    let exporter = try RunningExporter(of: server.address)
    let slow = try HTTPTestClient(port: exporter.port)
    try slow.send("GET /metrics HTTP/1.1\r\n")
    #expect(try exporter.get("/healthz").status == 200)
    // It is closed after five seconds, whatever it goes on to send.
    #expect(try slow.receiveAll() == "")
  }

  @Test func itEndsInGoodOrder() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    for signal in [SIGTERM, SIGINT, SIGHUP] {
      let exporter = try RunningExporter(of: server.address)
      let client = try HTTPTestClient(port: exporter.port)
      exporter.process.signal(signal)
      let result = try exporter.process.finish()
      #expect(result.status == 0)
      #expect(try client.receiveAll() == "")
    }
  }

  @Test func wrongArgumentsAreRefused() throws {
    for arguments in [
      ["--listen", "9816"], ["--listen", "host:9816"],
      ["--listen", "1.2.3.4:x"],
      ["--listen", "::1:99999"], ["--server", ""], ["--timeout", "0"],
      ["--textfile", "/tmp/"], ["--interval", "-1"], ["argument"],
    ] {
      let result = try Command(Command.exporterPath, arguments).run()
      #expect(result.status == 64, "\(arguments)")
      #expect(result.output == "")
      #expect(result.errors.split(separator: "\n").count == 1, "\(arguments)")
    }
    let taken = try TestSocket(
      .tcp, at: .loopbackIPv4, port: unusedTestPort(), listening: true)
    let result = try Command(
      Command.exporterPath, ["--listen", "127.0.0.1:\(taken.port)"]
    ).run()
    #expect(result.status == 1)
    #expect(
      result.errors.hasPrefix(
        "portserver-exporter: cannot listen on 127.0.0.1:\(taken.port): "))
    #expect(result.errors.contains("--listen"))
  }

  @Test func helpIsAsItIsWrittenDown() throws {
    let result = try Command(
      Command.exporterPath, ["--help"], environment: ["COLUMNS": "80"]
    ).run()
    #expect(result.status == 0)
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Help/portserver-exporter.txt")
    #expect(result.output == (try String(contentsOf: file, encoding: .utf8)))
  }
}
