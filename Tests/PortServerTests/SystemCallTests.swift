import Foundation
import TestSupport
import Testing

/// The system calls of a request, so that their number cannot grow unnoticed.
@Suite(.alone, .enabled(if: hasStrace, "there is no strace(1), or no right"))
struct SystemCallTests {
  private static let requests = 100

  /// The calls that a server makes for a request.
  ///
  /// - Parameter ask: Makes a request, which is answered with a port.
  /// - Returns: How many there are, by name.
  /// - Throws: What the system reports.
  private func calls(
    _ ask: (RunningServer) throws -> Void
  ) throws -> [String: Double] {
    let directory = try TemporaryDirectory()
    let log = directory.file("calls")
    let server = try RunningServer(
      pool: try unusedTestPool(Self.requests + 20),
      launcher: ["strace", "-f", "-qq", "-o", log])
    // A tracer that is killed leaves its tracee running.
    let pid = try server.launchedPID()
    defer { kill(pid, SIGKILL) }
    // The first ones register this process.
    for _ in 0..<10 { try ask(server) }
    func names() throws -> [Substring] {
      try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        .map { line in
          line.drop { $0 != " " }.drop { $0 == " " }.prefix { $0 != "(" }
        }
    }
    let before = try names().count
    for _ in 0..<Self.requests { try ask(server) }
    var counts: [String: Double] = [:]
    for name in try names().dropFirst(before) {
      counts[String(name), default: 0] += 1 / Double(Self.requests)
    }
    return counts
  }

  /// Expects calls; once a second the server makes some more.
  private func expect(
    _ calls: [String: Double], _ most: [String: Double],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for (name, count) in calls {
      #expect(
        count <= (most[name] ?? 0) + 0.2, "\(name): \(calls)",
        sourceLocation: sourceLocation)
    }
  }

  @Test func aRequestOfVersionOne() throws {
    let calls = try calls { server in
      try #require(try server.lease(for: getpid()) != nil)
    }
    // One of the waits, and poll, are for the next client; the other wait is for
    // ends of processes. A request is peeked at, and received when it is answered.
    // The lease is recorded with one call.
    expect(
      calls,
      [
        "epoll_wait": 2, "accept4": 1, "recvfrom": 2, "getsockopt": 3,
        "socket": 2, "bind": 2, "close": 3, "sendto": 1, "poll": 1,
        "pwrite64": 1,
      ])
    #expect(calls["bind"] ?? 0 >= 2)
  }

  @Test func severalPortsAreRecordedTogether() throws {
    var client: UnixClient?
    let calls = try calls { server in
      if client == nil {
        client = try UnixClient(connectingTo: server.address)
      }
      try client?.send("lease count=10\n")
      let ports = try #require(try client?.receiveLine().dropFirst(3))
      try client?.send("return \(ports)\n")
      try #require(try client?.receiveLine() == "ok")
    }
    // The records of ten ports are in one page of the ledger, or in two.
    #expect(calls["pwrite64"] ?? 0 <= 4, "\(calls)")
  }

  @Test func aByteOutOfBandDoesNotKeepTheServerBusy() throws {
    var clients: [UnixClient] = []
    let calls = try calls { server in
      if clients.isEmpty {
        clients.append(try UnixClient(connectingTo: server.address))
        try? clients[0].sendOutOfBand(7)
      }
      try #require(try server.lease(for: getpid()) != nil)
    }
    #expect(calls["epoll_wait"] ?? 0 <= 2.2, "\(calls)")
  }

  @Test func aRequestOfVersionTwoOnAnOpenConnection() throws {
    var client: UnixClient?
    let calls = try calls { server in
      if client == nil {
        client = try UnixClient(connectingTo: server.address)
      }
      try client?.send("lease pid=\(getpid())\n")
      try #require(try client?.receiveLine().hasPrefix("ok ") == true)
    }
    expect(
      calls,
      [
        "epoll_wait": 2, "recvfrom": 2, "socket": 2, "getsockopt": 2, "bind": 2,
        "close": 2,
        "sendto": 1, "pwrite64": 1,
      ])
    #expect(calls["bind"] ?? 0 >= 2)
  }

  /// To know whether a port lingers, the server lists all sockets of the host, which
  /// may be many: one list answers for all ports of a request.
  @Test func aRefusalLooksAtTheSocketsOfTheHostOnce() throws {
    let directory = try TemporaryDirectory()
    let log = directory.file("calls")
    var silent: [TestSocket] = []
    for _ in 0..<80 {
      silent.append(
        try TestSocket(
          .tcp, at: .anyIPv4, port: unusedTestPort(), reusingAddress: true))
    }
    let server = try RunningServer(
      pool: silent.map { "\($0.port)" }.joined(separator: ","),
      launcher: ["strace", "-f", "-qq", "-e", "trace=socket", "-o", log])
    let tracer = server.process.pid
    let child = try String(
      contentsOfFile: "/proc/\(tracer)/task/\(tracer)/children", encoding: .utf8
    )
    let pid = try #require(
      child.split(separator: " ").first.flatMap { Int32($0) })
    defer { kill(pid, SIGKILL) }
    let refusals = 5
    for _ in 0..<refusals { #expect(try server.lease(for: getpid()) == nil) }
    let looks = try String(contentsOfFile: log, encoding: .utf8)
      .split(separator: "\n").count { $0.contains("AF_NETLINK") }
    #expect(looks > 0)
    #expect(looks <= refusals)
  }
}
