import PortLeasing
import Testing

@Suite struct PortPoolTests {
  @Test func rangesAreSortedAndMerged() {
    #expect(PortPool([10...20, 1...5]).ranges == [1...5, 10...20])
    #expect(PortPool([1...5, 6...9]).ranges == [1...9])
    #expect(PortPool([1...5, 7...9]).ranges == [1...5, 7...9])
    #expect(PortPool([1...9, 3...4]).ranges == [1...9])
    #expect(PortPool([5...9, 1...6, 9...12]).ranges == [1...12])
    #expect(PortPool([7...7, 7...7]).ranges == [7...7])
    #expect(PortPool([65535...65535, 65535...65535]).count == 1)
    #expect(PortPool([60000...65535, 65535...65535]).count == 5536)
  }

  @Test func portZeroIsLeftOut() {
    #expect(PortPool([0...0]).isEmpty)
    #expect(PortPool([0...5]).ranges == [1...5])
    #expect(PortPool([0...0, 2...2]).ranges == [2...2])
    #expect(PortPool([0...65535]).count == 65535)
  }

  @Test func portsAreCounted() {
    #expect(PortPool([]).count == 0)
    #expect(PortPool([]).isEmpty)
    #expect(PortPool([1...5, 10...10]).count == 6)
    #expect(!PortPool([1...1]).isEmpty)
  }

  @Test(
    arguments: [
      ([], [10...20]),
      ([1...9, 21...30], [10...20]),
      ([10...20], []),
      ([1...65535], []),
      ([10...10], [11...20]),
      ([20...20], [10...19]),
      ([15...15], [10...14, 16...20]),
      ([5...12, 18...25], [13...17]),
      ([11...12, 14...15], [10...10, 13...13, 16...20]),
    ] as [([ClosedRange<UInt16>], [ClosedRange<UInt16>])])
  func portsAreTakenOut(
    _ removed: [ClosedRange<UInt16>], _ rest: [ClosedRange<UInt16>]
  ) {
    let pool = PortPool([10...20])
    #expect(pool.subtracting(PortPool(removed)).ranges == rest)
    // The removed and the remaining ports make up the pool.
    let common = pool.intersection(PortPool(removed))
    #expect(PortPool(common.ranges + rest) == pool)
    #expect(common.count + PortPool(rest).count == pool.count)
  }

  @Test func portsAreTakenOutAtTheEnds() {
    let all = PortPool([1...65535])
    #expect(all.subtracting(PortPool([1...1])).ranges == [2...65535])
    #expect(all.subtracting(PortPool([65535...65535])).ranges == [1...65534])
    #expect(PortPool([]).subtracting(all).isEmpty)
  }

  @Test func commonPorts() {
    let pool = PortPool([10...20, 30...40])
    #expect(
      pool.intersection(PortPool([15...35])).ranges == [15...20, 30...35])
    #expect(pool.intersection(PortPool([21...29])).isEmpty)
    #expect(pool.intersection(PortPool([])).isEmpty)
    #expect(pool.intersection(PortPool([1...65535])) == pool)
    #expect(PortPool([40...50]).intersection(pool).ranges == [40...40])
  }

  @Test func randomPortIsAnyOfThePool() {
    #expect(PortPool([]).randomPort() == 0)
    #expect(PortPool([65535...65535]).randomPort() == 65535)
    // One of three is missed 1,000 times in one of 10^175 runs.
    let pool = PortPool([5...6, 9...9])
    let seen = Set((0..<1000).map { _ in pool.randomPort() })
    #expect(seen == [5, 6, 9])
  }
}
