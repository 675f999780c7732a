import CTestSupport
import Foundation
import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite(.alone) struct ProcessIdentityTests {
  @Test func thisProcessIsLiving() throws {
    let current = try ProcessIdentity.current()
    #expect(current.pid == getpid())
    #expect(current.startTime > 0)
    #expect(current.isAlive)
    #expect(try ProcessIdentity.lookUp(getpid()) == .living(current))
    #expect(try ProcessIdentity.current() == current)
  }

  @Test func childIsLivingUntilItIsKilled() throws {
    let child = try Command.sleeper.start()
    guard
      case .living(let identity) = try ProcessIdentity.lookUp(child.pid)
    else {
      child.kill()
      Issue.record("a child that runs is not living")
      return
    }
    #expect(identity.pid == child.pid)
    #expect(identity.isAlive)
    child.kill()
    try child.finish()
    #expect(try ProcessIdentity.lookUp(child.pid) == .gone)
    #expect(!identity.isAlive)
  }

  /// The children inherit all descriptors of this process, so they are started in one
  /// that has few.
  @Test func zombieIsGone() async {
    await #expect(processExitsWith: .success) {
      let zombie = cts_start_zombie()
      try #require(zombie > 0)
      // It exists until its parent reaps it.
      #expect(kill(zombie, 0) == 0)
      #expect(try ProcessIdentity.lookUp(zombie) == .gone)
      let stat = try readTextFile("/proc/\(zombie)/stat")
      let status = try #require(ProcessStatus(Array(stat.utf8)))
      #expect(status.state == UInt8(ascii: "Z"))
      let identity = ProcessIdentity(
        pid: zombie, startTime: status.startTime)
      #expect(!identity.isAlive)
      cts_end(zombie)
      #expect(kill(zombie, 0) == -1)
      #expect(try ProcessIdentity.lookUp(zombie) == .gone)
      #expect(!identity.isAlive)
    }
  }

  @Test func processWhoseFirstThreadHasEndedIsLiving() async {
    await #expect(processExitsWith: .success) {
      let headless = cts_start_headless()
      try #require(headless > 0)
      guard
        case .living(let identity) = try ProcessIdentity.lookUp(headless)
      else {
        cts_end(headless)
        Issue.record("a process with a thread that runs is not living")
        return
      }
      #expect(identity.isAlive)
      cts_end(headless)
      #expect(!identity.isAlive)
    }
  }

  /// The child inherits all descriptors of this process; see above.
  @Test func processThatExecsFromAThreadKeepsItsIdentity() async {
    await #expect(processExitsWith: .success) {
      let process = cts_start_thread_execs(50)
      try #require(process > 0)
      guard
        case .living(let identity) = try ProcessIdentity.lookUp(process)
      else {
        cts_end(process)
        Issue.record("a process that has just been started is not living")
        return
      }
      let end = ContinuousClock.now + .seconds(60)
      while cts_has_run_all(process) == 0, ContinuousClock.now < end {
        sched_yield()
      }
      #expect(cts_has_run_all(process) == 1)
      #expect(try ProcessIdentity.lookUp(process) == .living(identity))
      cts_end(process)
    }
  }

  @Test(arguments: [0, -1, .min, .max] as [Int32])
  func pidThatNoProcessHasIsGone(_ pid: Int32) throws {
    #expect(try ProcessIdentity.lookUp(pid) == .gone)
  }

  /// `/proc` shows a thread like a process.
  @Test func threadIsNoProcess() throws {
    let (numbers, ends) = (
      DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
    )
    let thread = Collected<Int32>()
    Thread.detachNewThread {
      thread.add(cts_thread_number())
      numbers.signal()
      ends.wait()
    }
    numbers.wait()
    let number = try #require(thread.all.first)
    #expect(number != getpid())
    #expect(try ProcessIdentity.lookUp(number) == .gone)
    ends.signal()
  }

  @Test func processWithAnotherStartTimeIsNotAlive() throws {
    let current = try ProcessIdentity.current()
    for startTime in [0, current.startTime - 1, current.startTime + 1, .max] {
      let other = ProcessIdentity(pid: current.pid, startTime: startTime)
      #expect(!other.isAlive)
    }
  }

  /// For a moment, its first thread has ended, and the other has not replaced it yet.
  @Test func processThatRunsItselfAnewFromAThreadIsAlive() async {
    await #expect(processExitsWith: .success) {
      let child = cts_start_thread_execs(3000)
      try #require(child > 0)
      defer { cts_end(child) }
      guard case .living(let identity) = try ProcessIdentity.lookUp(child)
      else {
        Issue.record("a process that runs is not living")
        return
      }
      var looks = 0
      while cts_has_run_all(child) == 0 || looks < 1000 {
        looks += 1
        guard identity.isAlive else {
          Issue.record("it counted as dead at look \(looks)")
          return
        }
        let found = try ProcessIdentity.lookUp(child)
        guard found == .living(identity) else {
          Issue.record("look \(looks) found \(found)")
          return
        }
      }
    }
  }

  @Test func threadsOfTheKernelAreNoProcesses() throws {
    // kthreadd, if this is the host's pid namespace.
    guard try Namespace.pid() == .hostPID else { return }
    #expect(try ProcessIdentity.lookUp(2) == .kernelThread)
    #expect(throws: ProcessHandleError.kernelThread) {
      _ = try ProcessHandle.open(2, watching: true)
    }
  }

  /// If `/proc` is mounted for another pid namespace, it is not trusted, even if this
  /// process has the same pid there.
  @Test(.enabled(if: canUnshare, "namespaces cannot be made"))
  func foreignProcIsNotBelieved() async {
    await #expect(processExitsWith: .success) {
      let status = cts_run_as_namesake {
        let nobody = ProcessIdentity(pid: getpid(), startTime: 1)
        do throws(Errno) {
          _ = try ProcessIdentity.lookUp(getpid())
          return 1
        } catch {
          return error == .notSupported && nobody.isAlive ? 0 : 2
        }
      }
      #expect(status == 0)
    }
  }
}
