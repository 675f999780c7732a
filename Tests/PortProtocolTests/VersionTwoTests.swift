import PortProtocol
import TestSupport
import Testing

/// Requests and replies of version 2.
@Suite struct VersionTwoTests {
  private func request(
    _ line: String
  ) -> Result<VersionTwoRequest, VersionTwoError> {
    Result { () throws(VersionTwoError) in
      try VersionTwoRequest(parsing: Array(line.utf8)[...])
    }
  }

  /// The error in a line.
  private func code(_ line: String) -> String? {
    guard case .failure(let error) = request(line) else { return nil }
    return error.code.name
  }

  @Test func requests() {
    let lease = LeaseOrder(pid: 42, count: 3, isContiguous: true)
    for (line, expected) in [
      ("lease", .lease(LeaseOrder())),
      ("lease pid=42 count=3 contiguous", .lease(lease)),
      ("lease contiguous count=3 pid=42", .lease(lease)),
      ("  lease\tcontiguous  count=3 pid=42 \r", .lease(lease)),
      ("lease count=160", .lease(LeaseOrder(count: 160))),
      ("return 1", .returnPorts([1], pid: nil)),
      ("return 15000 65535", .returnPorts([15000, 65535], pid: nil)),
      ("leases", .leases([])),
      ("leases 80", .leases([80])),
      ("stats", .statistics), ("pool", .pool), ("version", .version),
      ("in-use", .portsInUse),
    ] as [(String, VersionTwoRequest)] {
      #expect(request(line) == .success(expected), "\(line)")
    }
  }

  @Test(arguments: [
    "", " ", "\r", "lease pid=", "lease pid=x", "lease pid=-1", "lease pid=+1",
    "lease pid=4294967296", "lease count=0", "lease count=-1",
    "lease count=1_0", "lease count=1.5", "lease contiguous contiguous",
    "lease count=1 count=1", "lease pid=1 pid=1", "lease 5", "lease Contiguous",
    "return", "return pid=1", "return pid=x 80", "return 80 pid=1",
    "return 0", "return 65536", "return x", "return 1,2", "leases 0",
    "stats 1", "pool 1", "in-use 1", "version 2",
    "lease count=99999999999999999999",
    "lease pid=٣",
  ])
  func malformedRequests(line: String) {
    #expect(code(line) == "malformed")
  }

  @Test(arguments: ["leas", "Lease", "exit", "42", "versions", "\0", "größe"])
  func unknownRequests(line: String) {
    #expect(code(line) == "unknown-request")
  }

  @Test func aRequestHasItsLimits() {
    #expect(code("lease count=161") == "too-many")
    let ports = Array(repeating: "65535", count: 161)
    #expect(code("return " + ports.joined(separator: " ")) == "too-many")
    #expect(code("leases " + ports.joined(separator: " ")) == "too-many")
    // What is allowed fits into a line.
    let most = [UInt16](repeating: 65535, count: 160)
    let limit = VersionTwoRequest.maximumLineLength
    #expect(VersionTwoRequest.returnPorts(most, pid: .max).bytes.count <= limit)
    #expect(VersionTwoRequest.leases(most).bytes.count <= limit)
    #expect(VersionTwoReply.ok(ports: most).count <= limit)
  }

  @Test(
    arguments: [
      .lease(LeaseOrder()),
      .lease(LeaseOrder(pid: 7, count: 2, isContiguous: true)),
      .returnPorts([1, 2], pid: nil), .returnPorts([9], pid: 42), .leases([]),
      .leases([9]), .statistics, .pool, .portsInUse, .version,
    ] as [VersionTwoRequest])
  func whatIsWrittenIsRead(request: VersionTwoRequest) throws {
    var bytes = request.bytes
    #expect(bytes.removeLast() == UInt8(ascii: "\n"))
    #expect(try VersionTwoRequest(parsing: bytes[...]) == request)
  }

  @Test func portsAreWrittenAsTheirNumbers() {
    for ports in [[1], [80, 65535], [15000, 15001, 9]] as [[UInt16]] {
      #expect(
        VersionTwoReply.ok(ports: ports)
          == VersionTwoReply.ok(ports.map { "\($0)" }))
    }
  }

  @Test func replies() {
    func reply(_ line: String) -> VersionTwoReply {
      VersionTwoReply(parsing: line.utf8)
    }
    #expect(reply("ok") == .ok([]))
    #expect(reply("ok 15000 15001") == .ok(["15000", "15001"]))
    #expect(
      reply("error limit it has 3 ports")
        == .error(VersionTwoError(.limit, "it has 3 ports")))
    #expect(reply("error") == .error(VersionTwoError(.init(""), "")))
    #expect(reply("okay") == .item("okay"))
    #expect(reply("total-allocations 12") == .item("total-allocations 12"))
    #expect(reply("") == .item(""))
    #expect(reply("ok \u{1B}[2J") == .ok(["?[2J"]))
    #expect(
      reply("error limit ü\u{7}")
        == .error(VersionTwoError(.limit, "???")))
  }

  @Test func anErrorIsOneLineOfASCII() {
    let error = VersionTwoError(.failed, "a\nb ü \u{1B}[2J")
    #expect(error.bytes == Array("error failed a?b ? ?[2J\n".utf8))
    let long = VersionTwoError(.failed, String(repeating: "x", count: 5000))
    #expect(long.bytes.count == VersionTwoRequest.maximumLineLength)
    #expect(long.bytes.last == UInt8(ascii: "\n"))
  }

  @Test func leases() throws {
    let lease = LeaseLine(
      port: 15000, pid: 4242, user: 1000, age: 124,
      command: "postgres -D data command=x")
    let text =
      "port=15000 pid=4242 uid=1000 age=12.4 command=postgres -D data command=x"
    #expect(lease.bytes == Array((text + "\n").utf8))
    #expect(LeaseLine(parsing: text) == lease)
    // A later server may say more.
    let more =
      "port=15000 pid=4242 uid=1000 gid=5 age=12.4 command=postgres -D data "
      + "command=x"
    #expect(LeaseLine(parsing: more) == lease)
  }

  @Test(arguments: [
    "", "port=15000", "port=0 pid=1 uid=0 age=0.0 command=x",
    "port=15000 pid=x uid=0 age=0.0 command=x",
    "port=15000 pid=1 uid=-1 age=0.0 command=x",
    "port=15000 pid=1 uid=0 age=0 command=x",
    "port=15000 pid=1 uid=0 age=0.00 command=x",
    "port=15000 pid=1 uid=0 age=.5 command=x",
    "port=15000 pid=1 age=0.0 command=x", "port pid=1 uid=0 age=0.0 command=x",
    "command=x port=15000 pid=1 uid=0 age=0.0",
  ])
  func whatIsNoLease(line: String) {
    if line.contains("age=.5") {
      #expect(LeaseLine(parsing: line)?.age == 5)
    } else {
      #expect(LeaseLine(parsing: line) == nil)
    }
  }
}

/// Lines of version 2, piece by piece.
@Suite struct VersionTwoReaderTests {
  private func steps(
    _ text: String, pieces: Int = .max, finishing: Bool = true
  ) -> [RequestReader.Step] {
    var reader = RequestReader()
    var steps: [RequestReader.Step] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(min(pieces, RequestReader.pieceLength)))
      rest = rest.dropFirst(piece.count)
      var step = piece.withUnsafeBytes { reader.receive($0) }
      while case .versionTwo = step {
        steps.append(step)
        step = reader.next()
      }
      if step != .incomplete { return steps + [step] }
    }
    return steps + (finishing ? [reader.finish()] : [])
  }

  @Test(arguments: [1, 2, 3, 7, .max])
  func anyPiecesAreAsGoodAsTheWhole(pieces: Int) {
    #expect(
      steps("version\n42\n\nleases 1\n", pieces: pieces) == [
        .versionTwo(.success(.version)),
        .versionTwo(
          .failure(
            VersionTwoError(
              .unknownRequest,
              "'42' is none of lease, return, leases, stats, pool, in-use, "
                + "version"))),
        .versionTwo(
          .failure(VersionTwoError(.malformed, "the line is empty"))),
        .versionTwo(.success(.leases([1]))), .end,
      ])
  }

  @Test func aLineThatIsCutShortIsNone() {
    #expect(
      steps("version\nreturn 1500") == [
        .versionTwo(.success(.version)),
        .broken(VersionTwoError(.malformed, "the line has no LF")),
      ])
  }

  @Test(arguments: [1, 100, .max]) func aLineHasItsLimit(pieces: Int) {
    let fits = "version" + String(repeating: " ", count: 1016) + "\n"
    #expect(fits.utf8.count == 1024)
    #expect(
      steps(fits, pieces: pieces) == [.versionTwo(.success(.version)), .end])
    let steps = steps("version\n " + fits, pieces: pieces)
    #expect(steps.count == 2)
    guard case .broken(let error) = steps.last else {
      Issue.record("\(steps)")
      return
    }
    #expect(error.code == .malformed)
  }

  @Test func aRequestOfVersionOneIsNoneOfVersionTwo() {
    #expect(steps("42\n") == [.versionOne(VersionOneRequest(pid: 42))])
    #expect(steps(" version\n") == [.malformed])
    #expect(steps("VERSION\n") == [.malformed])
  }
}
