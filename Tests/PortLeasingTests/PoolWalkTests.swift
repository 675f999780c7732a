import PortLeasing
import Testing

/// The order in which ports are tried.
@Suite struct PoolWalkTests {
  private let pool = PortPool([10...20, 30...40])

  @Test(
    arguments: [
      (0, [10...20, 30...40]),
      (9, [10...20, 30...40]),
      (10, [11...20, 30...40, 10...10]),
      (15, [16...20, 30...40, 10...15]),
      (19, [20...20, 30...40, 10...19]),
      (20, [30...40, 10...20]),
      (25, [30...40, 10...20]),
      (30, [31...40, 10...20, 30...30]),
      (40, [10...20, 30...40]),
      (65535, [10...20, 30...40]),
    ] as [(UInt16, [ClosedRange<UInt16>])])
  func portsAfterTheCursorComeFirst(
    _ cursor: UInt16, _ expected: [ClosedRange<UInt16>]
  ) {
    #expect(ports(PoolWalk(pool, after: cursor)) == expected.flatMap { $0 })
  }

  @Test func everyPortIsTriedOnce() {
    for cursor in UInt16(0)...50 {
      let ports = ports(PoolWalk(pool, after: cursor))
      #expect(ports.count == pool.count)
      #expect(PortPool(ports.map { $0...$0 }) == pool)
    }
  }

  @Test(
    arguments: [
      (15, 1, [16...20, 30...40, 10...16]),
      (15, 5, [16...20, 30...40, 10...20]),
      // The last range contains the cursor.
      (15, 6, [16...20, 30...40, 10...20]),
      (15, 100_000, [16...20, 30...40, 10...20]),
      (20, 3, [30...40, 10...20]),
      (25, 3, [30...40, 10...20]),
    ] as [(UInt16, Int, [ClosedRange<UInt16>])])
  func lastRangeGoesOnPastTheCursor(
    _ cursor: UInt16, _ overlap: Int, _ expected: [ClosedRange<UInt16>]
  ) {
    let walk = PoolWalk(pool, after: cursor, overlap: overlap)
    #expect(ports(walk) == expected.flatMap { $0 })
  }

  @Test func orderAtTheLastPorts() {
    let pool = PortPool([65530...65535])
    #expect(
      ports(PoolWalk(pool, after: 65534, overlap: 4))
        == [65535] + Array(65530...65535))
    #expect(
      ports(PoolWalk(pool, after: 65535, overlap: 4)) == Array(65530...65535))
    #expect(ports(PoolWalk(PortPool([]), after: 5, overlap: 4)) == [])
  }

  @Test func restartsAtTheCursor() {
    var walk = PoolWalk(pool, after: 15, overlap: 1)
    let first = ports(walk)
    while walk.port != nil { walk.advance() }
    walk.advance()
    #expect(walk.port == nil)
    walk.restart()
    #expect(ports(walk) == first)
  }

  /// The rest of a walk.
  private func ports(_ walk: PoolWalk) -> [UInt16] {
    var walk = walk
    var ports: [UInt16] = []
    while let port = walk.port {
      ports.append(port)
      walk.advance()
    }
    return ports
  }
}
