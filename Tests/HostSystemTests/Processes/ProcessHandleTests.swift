import CTestSupport
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Processes whose end is detected.
@Suite(.alone) struct ProcessHandleTests {
  @Test(arguments: [true, false])
  func anEndIsSeen(watching: Bool) throws {
    let holder = try HolderProcess()
    let handle = try #require(try HandleBox(holder.number, watching))
    #expect((handle.raw != nil) == watching)
    #expect(!handle.hasEnded)
    holder.end()
    #expect(handle.hasEnded)
    #expect(try HandleBox(holder.number, watching) == nil)
  }

  @Test func whatIsNoProcessHasNoHandle() throws {
    for pid in [0, -1, .min, .max] as [Int32] {
      #expect(try HandleBox(pid, true) == nil)
      #expect(try HandleBox(pid, false) == nil)
    }
  }

  @Test func aProcessThatWasKnownIsFoundAgain() throws {
    let holder = try HolderProcess()
    let identity = try #require(try HandleBox(holder.number, true)).identity
    let stranger = ProcessIdentity(
      pid: identity.pid, startTime: identity.startTime + 1)
    #expect(HandleBox(identity) != nil)
    #expect(HandleBox(stranger) == nil)
    holder.end()
    #expect(HandleBox(identity) == nil)
  }

  @Test func anEndIsReportedBeforeTheProcessIsReaped() throws {
    let child = try Command.sleeper.start()
    defer {
      child.kill()
      _ = try? child.finish()
    }
    let handle = try #require(try HandleBox(child.pid, true))
    let descriptor = try #require(handle.raw)
    #expect(!isReadable(descriptor))
    child.kill()
    #expect(becomesReadable(descriptor))
    #expect(handle.hasEnded)
    // It is not reaped yet.
    #expect(kill(child.pid, 0) == 0)
    #expect(try HandleBox(child.pid, true) == nil)
    #expect(HandleBox(handle.identity) == nil)
  }

  @Test(arguments: [true, false])
  func aProcessCanBeDoneWithoutADescriptor(hasEnded: Bool) throws {
    let holder = try HolderProcess()
    guard
      var handle = try ProcessHandle.open(holder.number, watching: true)
    else { throw Errno.noSuchProcess }
    handle.closeDescriptor()
    #expect(handle.raw == nil)
    #expect(handle.hasEnded == false)
    if hasEnded { holder.end() }
    #expect(handle.hasEnded == hasEnded)
  }

  @Test func aDescriptorIsClosedWithItsHandle() async {
    await #expect(processExitsWith: .success) {
      guard
        var handle = try ProcessHandle.open(getppid(), watching: true)
      else { throw Errno.noSuchProcess }
      let number = handle.raw?.rawValue ?? -1
      #expect(fcntl(number, F_GETFD) == FD_CLOEXEC)
      handle.closeDescriptor()
      #expect(fcntl(number, F_GETFD) == -1)
    }
  }

  /// The children inherit all descriptors of this process, so they are started in one
  /// that has few.
  @Test func aZombieHasNoHandle() async {
    await #expect(processExitsWith: .success) {
      let zombie = cts_start_zombie()
      try #require(zombie > 0)
      #expect(try HandleBox(zombie, true) == nil)
      #expect(try HandleBox(zombie, false) == nil)
      cts_end(zombie)
    }
  }

  @Test func aProcessWhoseFirstThreadHasEndedHasNotEnded() async {
    await #expect(processExitsWith: .success) {
      for watching in [true, false] {
        let headless = cts_start_headless()
        try #require(headless > 0)
        let handle = try HandleBox(headless, watching)
        #expect(handle?.hasEnded == false)
        cts_end(headless)
        #expect(handle?.hasEnded == true)
      }
    }
  }

  @Test(arguments: [true, false])
  func aProcessThatBecomesAnotherProgramHasNotEnded(watching: Bool) async {
    await #expect(processExitsWith: .success) { [watching] in
      let process = cts_start_thread_execs(300)
      try #require(process > 0)
      defer { cts_end(process) }
      let first = try #require(try HandleBox(process, watching))
      while cts_has_run_all(process) == 0 {
        let handle = try #require(try HandleBox(process, watching))
        try #require(handle.identity == first.identity)
        try #require(!handle.hasEnded)
        try #require(HandleBox(first.identity) != nil)
      }
      #expect(!first.hasEnded)
    }
  }

  @Test func aThreadHasNoHandle() async throws {
    let handles = try await sideBySide(1) { _ in
      let number = cts_thread_number()
      try #require(number != getpid())
      return try [true, false].map { try HandleBox(number, $0) == nil }
    }
    #expect(handles == [[true, true]])
  }
}

/// A handle in a form that can be compared with `nil`.
private final class HandleBox {
  private let handle: ProcessHandle

  init?(_ pid: Int32, _ watching: Bool) throws(ProcessHandleError) {
    guard let handle = try ProcessHandle.open(pid, watching: watching) else {
      return nil
    }
    self.handle = handle
  }

  init?(_ identity: ProcessIdentity) {
    guard let handle = ProcessHandle.open(identity, watching: true) else {
      return nil
    }
    self.handle = handle
  }

  var raw: FileDescriptor? { handle.raw }
  var hasEnded: Bool { handle.hasEnded }
  var identity: ProcessIdentity { handle.identity }
}
