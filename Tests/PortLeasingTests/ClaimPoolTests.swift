import PortLeasing
import TestSupport
import Testing

/// Where a name's search of the pool begins.
@Suite struct ClaimPoolTests {
  @Test func theDefaultPoolLeavesOutKnownPorts() {
    for port in [10000, 10080, 10250, 11434, 14268] as [UInt16] {
      #expect(
        ClaimPool.ports.intersection(PortPool([port...port])).isEmpty)
    }
    #expect(ClaimPool.ports.bounds == 10003...14999)
    #expect(ClaimPool.ports.count > 4950)
    #expect(ClaimPool.excluded.allSatisfy { !$0.reason.isEmpty })
  }

  @Test func eachPartOfAClaimDecidesWhereItsSearchStarts() throws {
    let pool = PortPool([100...199, 300...399])
    let (a, b) = (try #require(PortName("a")), try #require(PortName("b")))
    let place = PlacePath("/p")
    let start = pool.start(ofUser: 1, place: place, name: a)
    #expect(start == pool.start(ofUser: 1, place: place, name: a))
    #expect(start != pool.start(ofUser: 2, place: place, name: a))
    #expect(start != pool.start(ofUser: 1, place: PlacePath("/q"), name: a))
    #expect(start != pool.start(ofUser: 1, place: place, name: b))
    #expect(PortPool([]).start(ofUser: 1, place: place, name: a) == 0)
    #expect(PortPool([1...1]).start(ofUser: 1, place: place, name: a) == 0)
  }

  @Test func searchesStartEverywhere() throws {
    let pool = PortPool([100...199, 300...399])
    let name = try #require(PortName("web"))
    var counts: [UInt16: Int] = [:]
    for number in 0..<4000 {
      let place = PlacePath("/home/user/worktree-\(number)")
      let first = pool.start(ofUser: 1000, place: place, name: name) + 1
      #expect(!pool.intersection(PortPool([first...first])).isEmpty)
      counts[first, default: 0] += 1
    }
    #expect(counts.count == 200)
    #expect(counts.values.allSatisfy { $0 < 50 })
  }
}
