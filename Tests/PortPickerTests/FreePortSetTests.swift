import CTestSupport
import Glibc
import PortPicker
import SystemPackage
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

  @Test func aPoolThatIsNamedHoldsForReservedPorts() async {
    await #expect(processExitsWith: .success) {
      let (reserved, other) = (try unusedTestPort(), try unusedTestPort())
      try addReservedPort(Int(reserved))
      let pool = PickOptions(pool: [Int(other)...Int(other)])
      #expect(try pickUnusedPort(options: pool) == Int(other))
      #expect(try pickUnusedPort() == Int(reserved))
    }
  }

  @Test func aPortThatCouldNotBeReturnedCanBeReturnedLater() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = directory.file("ledger")
      setenv("PORTPICKER_LEDGER", path, 1)
      let port = try pickUnusedPort()
      // Nothing can be written to a ledger with two names.
      #expect(link(path, path + "-2") == 0)
      #expect(throws: PortPickerError.self) { try returnPort(port) }
      #expect(unlink(path + "-2") == 0)
      #expect(try returnPort(port))
      #expect(try !returnPort(port))
    }
  }

  /// The limit on the size of files is sent a signal for, which ends a process
  /// that neither ignores nor handles it (setrlimit(2)).
  @Test func aLimitOnTheSizeOfFilesIsAnError() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = directory.file("ledger")
      setenv("PORTPICKER_LEDGER", path, 1)
      // One that is to be made, and one that is there.
      for _ in 0..<2 {
        let child = cts_fork()
        if child == 0 {
          unblockSignals(SIGXFSZ)
          signal(SIGXFSZ, SIG_DFL)
          var none = rlimit(rlim_cur: 0, rlim_max: 0)
          setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &none)
          do throws(PortPickerError) {
            _ = try pickUnusedPort() as Int
            _exit(1)
          } catch {
            let isRight =
              error.code == .ledgerUnusable
              && error.underlyingError == .fileTooLarge
              && error.description.contains("ulimit -f")
            _exit(isRight ? 0 : 2)
          }
        }
        #expect(cts_wait(child) == 0)
        _ = try pickUnusedPort() as Int
      }
    }
  }

  /// A child made by fork(2) has its parent's descriptors, and so its lock.
  @Test func aForkedChildSharesNothingWithItsParent() async {
    await #expect(processExitsWith: .success) {
      let first = try pickUnusedPort()
      let pool = [Int(try unusedTestPort()), Int(try unusedTestPort())]
      let options = PickOptions(pool: pool.map { $0...$0 })
      let child = cts_fork()
      if child == 0 {
        // The child does not know the parent's ports, and picks its own.
        let isMine = (try? returnPort(first)) ?? true
        let port = try? pickUnusedPort(options: options)
        _exit(!isMine && port != nil ? 0 : 1)
      }
      #expect(cts_wait(child) == 0)
      let other = Set([
        try pickUnusedPort(options: options),
        try pickUnusedPort(options: options),
      ])
      #expect(other == Set(pool))
      #expect(try returnPort(first))
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
