import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite(.alone) struct FileLockTests {
  let directory: TemporaryDirectory
  let path: String

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("locked")
  }

  @Test func lockIsHadByOneOpenFileAtATime() throws {
    let first = try File(creating: path)
    let second = try File(openingExisting: path)
    #expect(try first.lock(until: Deadline(after: .zero)))
    #expect(try second.lock(until: Deadline(after: .zero)) == false)
    first.unlock()
    #expect(try second.lock(until: Deadline(after: .zero)))
    #expect(try first.lock(until: Deadline(after: .zero)) == false)
  }

  @Test func lockIsWaitedFor() async throws {
    let first = try File(creating: path)
    #expect(try first.lock(until: Deadline(after: .zero)))
    let path = path
    async let second = sideBySide(4) { _ in
      let file = try File(openingExisting: path)
      let isLocked = try file.lock(until: Deadline(after: .seconds(600)))
      file.unlock()
      return isLocked
    }
    first.unlock()
    #expect(try await second == [true, true, true, true])
  }

  @Test func lockIsNotWaitedForPastTheDeadline() throws {
    let first = try File(creating: path)
    #expect(try first.lock(until: Deadline(after: .zero)))
    let second = try File(openingExisting: path)
    let deadline = Deadline(after: .milliseconds(5))
    #expect(try second.lock(until: deadline) == false)
    #expect(deadline.hasPassed)
    first.unlock()
  }

  /// In a process of its own, because a program that another test starts has copies of
  /// all descriptors for a moment, and a copy keeps the lock.
  @Test func lockEndsWithTheFile() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = directory.file("locked")
      do {
        let file = try File(creating: path)
        #expect(try file.lock(until: Deadline(after: .zero)))
      }
      let file = try File(openingExisting: path)
      #expect(try file.lock(until: Deadline(after: .zero)))
      file.unlock()
      withExtendedLifetime(directory) {}
    }
  }

  @Test func holderIsFoundWhileTheFileIsLocked() throws {
    let file = try File(creating: path)
    let status = try file.status()
    #expect(lockHolder(of: status) == nil)
    #expect(try file.lock(until: Deadline(after: .zero)))
    #expect(lockHolder(of: status) == getpid())
    // The lock of another file does not count.
    let other = try File(creating: directory.file("other"))
    #expect(try lockHolder(of: other.status()) == nil)
    file.unlock()
    #expect(lockHolder(of: status) == nil)
  }
}
