import HostSystem
import PortLeasing
import Testing

/// Which ports the embedded allocator hands out on which hosts.
@Suite struct EmbeddedPortPoolTests {
  private func pool(
    _ ephemeral: ClosedRange<UInt16>?, reserved: [ClosedRange<UInt16>] = []
  ) -> [ClosedRange<UInt16>] {
    PortPool.embedded(
      on: KernelPorts(ephemeral: ephemeral, reserved: reserved)
    ).ranges
  }

  @Test func kernelsDefaultRangeLeavesAllOfIt() {
    #expect(pool(32768...60999) == [25000...32767])
    #expect(pool(nil) == [25000...32767])
  }

  @Test func kernelsRangeIsLeftOut() {
    #expect(pool(32767...60999) == [25000...32766])
    #expect(pool(30000...60999) == [25000...29999])
    #expect(pool(1024...29999) == [30000...32767])
    #expect(pool(26000...27000) == [25000...25999, 27001...32767])
    #expect(pool(1024...24999) == [25000...32767])
  }

  @Test func rangeThatLeavesNothingCountsAsNone() {
    #expect(pool(1024...65535) == [25000...32767])
    #expect(pool(25000...32767) == [25000...32767])
    #expect(pool(0...65535) == [25000...32767])
  }

  @Test func reservedPortsAreNotTheKernels() {
    #expect(
      pool(1024...65535, reserved: [26000...26999]) == [26000...26999])
    #expect(
      pool(
        30000...60999, reserved: [31000...31000, 32000...40000])
        == [25000...29999, 31000...31000, 32000...32767])
    #expect(
      pool(1024...65535, reserved: [1...65535]) == [25000...32767])
    #expect(pool(1024...65535, reserved: [80...80]) == [25000...32767])
  }

  @Test func kernelHandsOutItsRangeLessTheReservedPorts() {
    let kernel = KernelPorts(
      ephemeral: 1000...2000, reserved: [1500...1600, 3000...3000])
    #expect(kernel.handedOut.ranges == [1000...1499, 1601...2000])
    #expect(KernelPorts(ephemeral: nil).handedOut.isEmpty)
  }
}
