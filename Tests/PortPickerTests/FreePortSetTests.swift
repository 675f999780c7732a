import PortPicker
import TestSupport
import Testing

/// What a process picks from its own free ports.
///
/// Each runs in a process of its own, for the free ports are the whole
/// process's.
@Suite(.alone) struct FreePortSetTests {
  @Test func aReservedPortIsPickedFirst() async {
    await #expect(processExitsWith: .success) {
      let reserved = Int(try unusedTestPort())
      try addReservedPort(reserved)
      #expect(try pickUnusedPort() == reserved)
      #expect(try pickUnusedPort() != reserved)
      #expect(try returnPort(reserved))
      #expect(try pickUnusedPort() == reserved)
    }
  }

  @Test func aReservedPortInUseWaitsForItsTurn() async {
    await #expect(processExitsWith: .success) {
      let reserved = Int(try unusedTestPort())
      try addReservedPort(reserved)
      do {
        let stranger = try TestSocket(
          .tcp, at: .loopbackIPv6, port: UInt16(reserved))
        #expect(try pickUnusedPort() != reserved)
        withExtendedLifetime(stranger) {}
      }
      #expect(try pickUnusedPort() == reserved)
    }
  }

  @Test func aReservedPortThatAnotherProcessWasGivenIsLeftToIt() async {
    await #expect(processExitsWith: .success) {
      let reserved = Int(try unusedTestPort())
      let pool = PickOptions(pool: [reserved...reserved])
      let holder = try Command.sleeper.start()
      #expect(try pickUnusedPort(for: holder.pid, options: pool) == reserved)
      try addReservedPort(reserved)
      #expect(try pickUnusedPort() != reserved)
      holder.kill()
      try holder.finish()
      #expect(try pickUnusedPort() == reserved)
    }
  }

  @Test func theFreePortsAreNotForOtherProcesses() async {
    await #expect(processExitsWith: .success) {
      let reserved = Int(try unusedTestPort())
      try addReservedPort(reserved)
      let holder = try Command.sleeper.start()
      #expect(try pickUnusedPort(for: holder.pid) != reserved)
      #expect(try !pickUnusedPorts(count: 2).contains(reserved))
      #expect(try pickUnusedPort() == reserved)
      holder.kill()
    }
  }
}
