import CTestSupport
import Foundation
import TestSupport
import Testing

/// A user's processes slow the answers to others down by a bounded factor at most.
@Suite(.alone) struct NeighborTests {
  /// The largest factor, at the median.
  private static let bound = 10.0

  /// The time that requests take, at the median.
  private func median(
    of count: Int, _ request: () throws -> Void
  ) rethrows -> Duration {
    try times(of: count, request).sorted()[count / 2]
  }

  private func times(
    of count: Int, _ request: () throws -> Void
  ) rethrows -> [Duration] {
    try (0..<count).map { _ in
      let start = ContinuousClock.now
      try request()
      return start.duration(to: .now)
    }
  }

  @Test func whoHasMoreHoldersThanThereAreDescriptors() throws {
    let pool = try unusedTestPool(302)
    /// How long it takes to lease a port, and to be refused one.
    func measure(_ server: RunningServer) throws -> (Duration, Duration) {
      let client = try UnixClient(connectingTo: server.address)
      let lease = try median(of: 101) {
        let port = try #require(try server.lease(for: getpid()))
        try client.send("return \(port)\n")
        try #require(try client.receiveLine() == "ok")
      }
      _ = try server.leaseAll()
      let refusal = try median(of: 101) {
        try #require(try server.lease(for: getpid()) == nil)
      }
      return (lease, refusal)
    }
    let alone = try measure(RunningServer(pool: pool, descriptorLimit: 48))
    let server = try RunningServer(pool: pool, descriptorLimit: 48)
    let holders = try (0..<300).map { _ in try HolderProcess() }
    for holder in holders {
      try #require(try server.lease(for: holder.number) != nil)
    }
    let beside = try measure(server)
    #expect(beside.0 / alone.0 < Self.bound, "\(alone) \(beside)")
    #expect(beside.1 / alone.1 < Self.bound, "\(alone) \(beside)")
    withExtendedLifetime(holders) {}
  }

  @Test(.enabled(if: getuid() == 0, "only root can be several users"))
  func whoAsksForProcessesThatItMayNotHavePortsFor() throws {
    let server = try RunningServer(pool: try unusedTestPool(20))
    let other = try HolderProcess()
    let ended = try HolderProcess()
    ended.end()
    // One that does not exist, two of another user, init, a kernel thread, a thread,
    // and invalid pids.
    let pids = [
      ended.number, other.number, getpid(), 1, 2, try aThread(), 0, -1, .max,
    ]
    let neighbor = cts_start_asking(server.address, 60001, pids, pids.count)
    defer { cts_end(neighbor) }
    let client = try UnixClient(connectingTo: server.address)
    var alone: [Duration] = []
    var beside: [Duration] = []
    // In turns, so that the rest of the host's load affects both alike.
    for _ in 0..<10 {
      for isDisturbed in [false, true] {
        kill(neighbor, isDisturbed ? SIGCONT : SIGSTOP)
        let times = try times(of: 30) {
          let port = try #require(try server.lease(for: getpid()))
          try client.send("return \(port)\n")
          try #require(try client.receiveLine() == "ok")
        }
        if isDisturbed { beside += times } else { alone += times }
      }
    }
    let medians = (
      alone.sorted()[alone.count / 2], beside.sorted()[beside.count / 2]
    )
    #expect(medians.1 / medians.0 < Self.bound, "\(medians)")
    #expect(try server.statistics()["denied-allocations"] ?? 0 > 0)
  }

  /// The id of another thread of this process.
  private func aThread() throws -> Int32 {
    let names = try FileManager.default.contentsOfDirectory(
      atPath: "/proc/self/task")
    return try #require(
      names.lazy.compactMap { Int32($0) }.first { $0 != getpid() })
  }
}
