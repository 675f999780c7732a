import CTestSupport
import Foundation
import TestSupport
import Testing

/// If a system call fails, the error names the call.
@Suite(.alone) struct SystemErrorTests {
  /// Has a server asked by version 2 for a port for this process.
  private func askForPort(of server: RunningServer) throws -> String {
    let client = try UnixClient(connectingTo: server.address)
    try client.send("lease pid=\(getpid())\n")
    return try client.receiveLine()
  }

  @Test func aServerThatMayNotOpenPidfdsNamesTheCall() async {
    await #expect(processExitsWith: .success) {
      try #require(cts_forbid_pidfd_open() == 0)
      // It inherits the restriction.
      let server = try RunningServer(pool: try unusedTestPool(1))
      let client = try UnixClient(connectingTo: server.address)
      try client.send("lease pid=\(getpid())\n")
      let line = try client.receiveLine()
      #expect(line.hasPrefix("error failed "), "\(line)")
      #expect(line.contains("(pidfd_open): Operation not permitted"))
      try server.waitForLog("(pidfd_open): Operation not permitted")
    }
  }

  @Test(.enabled(if: hasStrace, "there is no strace(1), or no right"))
  func aServerThatCannotWatchProcessesNamesTheCall() throws {
    // The first three are for signals, processes and clients.
    let server = try RunningServer(
      pool: try unusedTestPool(1),
      launcher: [
        "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=epoll_ctl", "-e",
        "inject=epoll_ctl:error=ENOSPC:when=4",
      ])
    let pid = try server.launchedPID()
    defer { kill(pid, SIGKILL) }
    let holder = try HolderProcess()
    let port = try #require(try server.lease(for: holder.number))
    try server.waitForLog(
      "cannot watch processes (epoll_ctl): No space left on device")
    // Its end is found all the same.
    holder.end()
    #expect(try server.leaseSomeTime() == port)
  }

  @Test func aServerThatCannotReadProcNamesTheFile() throws {
    let server = try RunningServer(pool: try unusedTestPool(1))
    // One descriptor for the client and one for a pidfd.
    let next = try server.process.nextDescriptors()
    try server.process.setLimit("nofile", to: next[2])
    #expect(try server.lease(for: getpid()) == nil)
    try server.waitForLog(
      "cannot open /proc/PID/stat: Too many open files; raise the limit")
  }

  @Test func aServerThatCannotIdentifyAClientNamesTheCall() throws {
    let server = try RunningServer(pool: try unusedTestPool(2))
    // From now on it has a pidfd for this process.
    #expect(try server.lease(for: getpid()) != nil)
    let next = try server.process.nextDescriptors()
    try server.process.setLimit("nofile", to: next[1])
    let line = try askForPort(of: server)
    #expect(line.hasPrefix("error failed "), "\(line)")
    // Before Linux 6.5 there is no SO_PEERPIDFD.
    let calls = ["(SO_PEERPIDFD)", "probed (socket, bind)"]
    #expect(
      calls.contains { line.contains("\($0): Too many open files") }, "\(line)")
  }
}
