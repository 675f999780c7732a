import Foundation
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// `BIND_TIMEOUT`: a process in the background keeps the port.
@Suite(.alone) struct HoldTests {
  private let fixture: CommandFixture
  private let holder: HolderProcess

  init() throws {
    fixture = try CommandFixture()
    holder = try HolderProcess()
  }

  @Test func aCallersServerBindsOverTheHoldAndNobodyElse() throws {
    // This returns at the end of the output, while the hold goes on: the
    // background process has none of our pipes.
    let port = UInt16(try fixture.ports(holder.pid, "1000")[0])
    #expect(throws: Errno.addressInUse) {
      try TestSocket(.tcp, at: .loopbackIPv4, port: port)
    }
    let server = try TestSocket(
      .tcp, at: .anyIPv4, port: port, reusingAddress: true, listening: true)
    let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
    try client.connect(to: .loopbackIPv4, port: port)
    _ = try server.accept()
  }

  @Test func theBackgroundProcessHasNothingOfTheCallers() throws {
    _ = try fixture.ports(holder.pid, "1000", "--count", "3")
    let process = try #require(
      try BackgroundProcess.all(with: fixture.ledger).first)
    #expect(process.session == process.pid)
    // Three sockets and what tells of the holder's death.
    #expect(try process.descriptorCount() == 4)
    #expect(process.workingDirectory == "/")
  }

  @Test func theHoldEndsWithTheHolder() throws {
    let port = UInt16(try fixture.ports(holder.pid, "1000")[0])
    let process = try #require(
      try BackgroundProcess.all(with: fixture.ledger).first)
    holder.end()
    #expect(try process.waitForEnd())
    #expect(try PortProbe.isFree(port))
  }

  @Test func theHoldEndsWithItsTime() throws {
    let port = UInt16(try fixture.ports(holder.pid, "0.05")[0])
    for process in try BackgroundProcess.all(with: fixture.ledger) {
      #expect(try process.waitForEnd())
    }
    #expect(try PortProbe.isFree(port))
  }

  @Test(arguments: ["0", "0.0"]) func noTimeIsNoHold(timeout: String) throws {
    let port = UInt16(try fixture.ports(holder.pid, timeout)[0])
    #expect(try BackgroundProcess.all(with: fixture.ledger).isEmpty)
    #expect(try PortProbe.isFree(port))
  }

  /// Only what is picked is kept, not what was looked at.
  @Test func aSearchForPortsInARowKeepsNoSocketsOfOthers() throws {
    let odd = stride(from: 20001, to: 20801, by: 2).map { "\($0)" }
    let result = try Command(
      "/bin/sh",
      [
        "-c",
        "ulimit -n 64; exec '\(Command.portpickerPath)' \(holder.pid) 1 "
          + "--count 2 --contiguous --pool \(odd.joined(separator: ","))",
      ], environment: ["PORTPICKER_LEDGER": fixture.ledger]
    ).run()
    #expect(result.status == 1)
    #expect(result.errors.contains("fewer than 2 ports are left in a row"))
  }
}

/// A process that `portpicker` left in the background.
private struct BackgroundProcess {
  let pid: Int32
  let session: Int32

  /// Those that were started with a ledger, which no other test uses.
  static func all(with ledger: String) throws -> [BackgroundProcess] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap {
      guard let pid = Int32($0),
        let status = try? readTextFile("/proc/\(pid)/stat"),
        status.contains("(portpicker) "),
        let environment = try? readTextFile(
          "/proc/\(pid)/environ", limit: 1 << 20),
        environment.contains("PORTPICKER_LEDGER=\(ledger)\0"),
        let fields = status.split(separator: ")").last?.split(separator: " "),
        let session = Int32(fields[3])
      else { return nil }
      return BackgroundProcess(pid: pid, session: session)
    }
  }

  func descriptorCount() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
  }

  var workingDirectory: String? {
    try? FileManager.default.destinationOfSymbolicLink(
      atPath: "/proc/\(pid)/cwd")
  }

  /// Waits for the process's end, which has to come.
  func waitForEnd() throws -> Bool {
    let process: Descriptor
    do {
      process = try Descriptor(ofProcess: pid)
    } catch {
      guard error == .noSuchProcess else { throw error }
      return true
    }
    var event = pollfd(
      fd: process.raw.rawValue, events: Int16(POLLIN), revents: 0)
    return poll(&event, 1, 60_000) == 1
  }
}
