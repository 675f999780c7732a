import Foundation
import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite(.alone) struct UnixStreamTests {
  let directory: TemporaryDirectory
  let path: String
  /// A deadline that is never reached.
  let far = Deadline(after: .seconds(3600))

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("socket")
  }

  private func connect(
    _ name: String, _ deadline: Deadline
  ) throws -> UnixStream {
    try UnixStream.connect(
      to: #require(UnixAddress(name)), deadline: deadline)
  }

  /// A unique abstract name.
  private static func abstractName() -> String {
    "@portpicker-test-\(UUID().uuidString)"
  }

  private func expectConversation(at name: String) throws {
    let listener = try UnixListener(name)
    let stream = try connect(name, far)
    let peer = try listener.accept()
    try stream.send(Array("hello".utf8))
    #expect(try peer.receive(5) == Array("hello".utf8))
    try peer.send("welcome")
    #expect(try stream.receive(atMost: 3) == Array("wel".utf8))
    #expect(try stream.receive(atMost: 100) == Array("come".utf8))
    peer.finish()
    #expect(try stream.receive(atMost: 100) == [])
    #expect(try stream.receive(atMost: 100) == [])
  }

  @Test func serverIsReachedAtAPath() throws {
    try expectConversation(at: path)
  }

  @Test func serverIsReachedAtAnAbstractName() throws {
    try expectConversation(at: Self.abstractName())
  }

  @Test(arguments: [107, 106])
  func serverIsReachedAtALongAbstractName(_ length: Int) throws {
    let name = Self.abstractName()
    try expectConversation(
      at: name + String(repeating: "x", count: length + 1 - name.utf8.count))
  }

  @Test func serverIsReachedAtALongPath() throws {
    let name = path + String(repeating: "x", count: 107 - path.utf8.count)
    try expectConversation(at: name)
  }

  @Test func nobodyThere() throws {
    #expect(throws: Errno.noSuchFileOrDirectory) {
      _ = try connect(path, far)
    }
    #expect(throws: Errno.connectionRefused) {
      _ = try connect(Self.abstractName(), far)
    }
    let silent = try UnixListener(path, backlog: nil)
    #expect(throws: Errno.connectionRefused) {
      _ = try connect(path, far)
    }
    withExtendedLifetime(silent) {}
  }

  @Test func serverThatNeverAnswersIsNotWaitedForPastTheDeadline() throws {
    let listener = try UnixListener(path)
    let deadline = Deadline(after: .milliseconds(20))
    let stream = try connect(path, deadline)
    try stream.send(Array("hello".utf8))
    #expect(throws: Errno.timedOut) { try stream.receive(atMost: 10) }
    #expect(deadline.hasPassed)
    // Not even bytes that have arrived by then.
    try listener.accept().send("late")
    #expect(throws: Errno.timedOut) { try stream.receive(atMost: 10) }
    #expect(throws: Errno.timedOut) { try stream.send([0]) }
  }

  @Test func serverThatReadsNothingIsNotWaitedForPastTheDeadline() throws {
    let listener = try UnixListener(path)
    let deadline = Deadline(after: .milliseconds(20))
    let stream = try connect(path, deadline)
    // More than fits into the socket's buffers.
    let bytes = [UInt8](repeating: 0, count: 64 << 20)
    #expect(throws: Errno.timedOut) { try stream.send(bytes) }
    #expect(deadline.hasPassed)
    withExtendedLifetime(listener) {}
  }

  @Test func serverWhoseBacklogIsFullIsNotWaitedForPastTheDeadline() throws {
    let listener = try UnixListener(path, backlog: 0)
    let others = try UnixListener.fillBacklog(path)
    defer { for other in others { try? other.close() } }
    #expect(!others.isEmpty)
    let deadline = Deadline(after: .milliseconds(20))
    #expect(throws: Errno.timedOut) { _ = try connect(path, deadline) }
    #expect(deadline.hasPassed)
    withExtendedLifetime(listener) {}
  }

  @Test func deadlineThatHasPassedIsNotWaitedFor() throws {
    let listener = try UnixListener(path)
    #expect(throws: Errno.timedOut) {
      _ = try connect(path, Deadline(after: .zero))
    }
    withExtendedLifetime(listener) {}
  }

  @Test func sendingToAPeerThatHasGoneIsAnErrorAndNoSignal() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = directory.file("socket")
      let address = try #require(UnixAddress(path))
      let listener = try UnixListener(path)
      let stream = try UnixStream.connect(
        to: address, deadline: Deadline(after: .seconds(3600)))
      _ = try listener.accept()
      #expect(throws: Errno.brokenPipe) { try stream.send([1]) }
      withExtendedLifetime(directory) {}
    }
  }
}
