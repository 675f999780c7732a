import Glibc
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Processes that somebody waits for the end of.
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
}

/// A handle that can be compared with nothing.
private final class HandleBox {
  private let handle: ProcessHandle

  init?(_ pid: Int32, _ watching: Bool) throws(Errno) {
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
