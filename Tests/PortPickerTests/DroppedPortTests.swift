import Glibc
import PortPicker
import TestSupport
import Testing

/// Values that keep a port are dropped while the port cannot be returned.
///
/// The lock, or the server, is free only once their `deinit` has returned. If that
/// waited, it would wait until its timeout, and the port would not come back.
@Suite(.alone) struct DroppedPortTests {
  @Test func nothingWaitsForALockedLedger() async {
    await #expect(processExitsWith: .success) {
      let warnings = Collected<String>()
      PortPickerWarnings.handler = { warnings.add($0.description) }
      let ports = [try unusedTestPort(), try unusedTestPort()].map { Int($0) }
      let options = PickOptions(
        source: .ledger, pool: ports.map { $0...$0 })
      let path = try #require(
        try portSourceStatus(options: options).origin.ledgerPath)
      let file = open(path, O_RDWR | O_CLOEXEC)
      do {
        let bound = try BoundPort(options: options)
        let held = try HeldPort(options: options)
        try #require(flock(file, LOCK_EX) == 0)
        withExtendedLifetime((bound.port, held.port)) {}
      }
      for port in ports { #expect(try isPortFree(port)) }
      #expect(flock(file, LOCK_UN) == 0)
      try pickAllWhenReturned(2, options)
      #expect(warnings.all == [])
    }
  }

  @Test func nothingWaitsForASilentServer() async {
    await #expect(processExitsWith: .success) {
      let server = try RunningServer(pool: try unusedTestPool(2))
      let options = PickOptions(
        source: .server(server.address), requiresServer: true)
      do {
        let bound = try BoundPort(options: options)
        let held = try HeldPort(options: options)
        try #require(kill(server.process.pid, SIGSTOP) == 0)
        withExtendedLifetime((bound.port, held.port)) {}
      }
      // It did not answer until now.
      try #require(kill(server.process.pid, SIGCONT) == 0)
      try pickAllWhenReturned(2, options)
    }
  }
}

/// Picks all ports of a pool as soon as all of them have been returned.
private func pickAllWhenReturned(
  _ count: Int, _ options: PickOptions
) throws {
  let end = ContinuousClock.now + .seconds(60)
  while true {
    do throws(PortPickerError) {
      _ = try pickUnusedPorts(count: count, options: options) as [Int]
      return
    } catch {
      guard error.code == .poolExhausted, ContinuousClock.now < end else {
        throw error
      }
      sched_yield()
    }
  }
}
