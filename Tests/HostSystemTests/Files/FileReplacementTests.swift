import CTestSupport
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import HostSystem

@Suite(.alone) struct FileReplacementTests {
  private let directory: TemporaryDirectory
  private var path: String { directory.file("a") }

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func write(_ text: String, _ name: String = "a") throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: directory.file(name)))
  }

  private func text(_ name: String = "a") throws -> String {
    try String(contentsOfFile: directory.file(name), encoding: .utf8)
  }

  /// Replaces the content with a text.
  private func replace(
    _ path: String, _ new: String = "new",
    meanwhile: () throws -> Void = {}
  ) throws {
    let file = try FileReplacement(
      of: path, limit: 100, until: Deadline(after: .seconds(10)))
    try meanwhile()
    try file.replace(with: Array(new.utf8))
  }

  /// Expects that a replacement is refused and changes nothing.
  private func expectRefusal(
    _ error: FileReplacementError, of path: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try fileNames(in: directory.path)
    #expect(throws: error, sourceLocation: sourceLocation) {
      try replace(path ?? self.path)
    }
    #expect(
      try Set(fileNames(in: directory.path)) == Set(before),
      sourceLocation: sourceLocation)
  }

  // MARK: - Content

  @Test func theContentIsReplaced() throws {
    try write("old")
    let file = try FileReplacement(
      of: path, limit: 100, until: Deadline(after: .seconds(10)))
    let (content, exists) = (file.content, file.exists)
    #expect(content == Array("old".utf8) && exists)
    try file.replace(with: Array("new".utf8))
    #expect(try text() == "new")
    #expect(
      try Set(fileNames(in: directory.path)) == [".", "..", "a"])
  }

  @Test func aMissingFileIsCreatedAsAnyOther() throws {
    try replace(path)
    #expect(try text() == "new")
    let other = open(directory.file("b"), O_CREAT | O_WRONLY, 0o666)
    close(other)
    #expect(
      try Stat(path).permissions == Stat(directory.file("b")).permissions)
  }

  @Test func aLinkStaysAndItsTargetIsReplaced() throws {
    #expect(mkdir(directory.file("d"), 0o700) == 0)
    try write("old", "d/target")
    #expect(symlink("d/two", path) == 0)
    #expect(symlink("target", directory.file("d/two")) == 0)
    try replace(path)
    #expect(try text("d/target") == "new")
    #expect(try linkTarget(of: path) == "d/two")
    #expect(try linkTarget(of: directory.file("d/two")) == "target")
    // The target need not exist.
    #expect(unlink(directory.file("d/target")) == 0)
    try replace(path, "again")
    #expect(try text("d/target") == "again")
    #expect(try linkTarget(of: path) == "d/two")
  }

  @Test func whatAKilledProcessHasLeftIsRemoved() throws {
    try write("old")
    try write("half of", "a.portpicker-new")
    try replace(path)
    #expect(try text() == "new")
    #expect(try Set(fileNames(in: directory.path)) == [".", "..", "a"])
  }

  // MARK: - Properties

  @Test(.enabled(if: getuid() == 0, "needs root"))
  func ownerGroupAndModeAreKept() throws {
    try write("old")
    // A directory that gives its group to new files.
    #expect(chown(directory.path, 0, 4321) == 0)
    #expect(chmod(directory.path, 0o2700) == 0)
    #expect(chown(path, 1234, 2345) == 0)
    #expect(chmod(path, 0o4751) == 0)
    try replace(path)
    let status = try Stat(path)
    #expect(status.userID.rawValue == 1234)
    #expect(status.groupID.rawValue == 2345)
    #expect(status.permissions.rawValue == 0o4751)
    #expect(try text() == "new")
  }

  @Test func attributesAndAccessListsAreKept() throws {
    try write("old")
    let value = "\0value"
    guard cts_set_attribute(path, "user.test", value, 6) == 0 else { return }
    // user::rw-, user:1234:rw-, group::---, mask::rw-, other::---
    let list = Self.list([
      (0x01, 6, .max), (0x02, 6, 1234), (0x04, 0, .max), (0x10, 6, .max),
      (0x20, 0, .max),
    ])
    let name = "system.posix_acl_access"
    #expect(cts_set_attribute(path, name, list, list.count) == 0)
    #expect(try Stat(path).permissions.rawValue == 0o660)
    try replace(path)
    #expect(try text() == "new")
    #expect(Self.attribute(name, path) == list)
    #expect(Self.attribute("user.test", path) == Array(value.utf8))
    #expect(try Stat(path).permissions.rawValue == 0o660)
  }

  @Test func aDirectorysDefaultListIsNotGivenToAnExistingFile() throws {
    try write("old")
    #expect(chmod(path, 0o640) == 0)
    let list = Self.list([
      (0x01, 7, .max), (0x02, 7, 1234), (0x04, 7, .max), (0x10, 7, .max),
      (0x20, 7, .max),
    ])
    guard
      cts_set_attribute(
        directory.path, "system.posix_acl_default", list, list.count) == 0
    else { return }
    try replace(path)
    #expect(Self.attribute("system.posix_acl_access", path) == nil)
    #expect(try Stat(path).permissions.rawValue == 0o640)
  }

  /// An access control list as the kernel has it (`linux/posix_acl_xattr.h`).
  private static func list(
    _ entries: [(tag: UInt16, rights: UInt16, id: UInt32)]
  ) -> [UInt8] {
    var bytes: [UInt8] = [2, 0, 0, 0]
    for entry in entries {
      withUnsafeBytes(of: entry.tag.littleEndian) { bytes += $0 }
      withUnsafeBytes(of: entry.rights.littleEndian) { bytes += $0 }
      withUnsafeBytes(of: entry.id.littleEndian) { bytes += $0 }
    }
    return bytes
  }

  private static func attribute(_ name: String, _ path: String) -> [UInt8]? {
    var value = [UInt8](repeating: 0, count: 256)
    let count = cts_attribute(path, name, &value, value.count)
    return count < 0 ? nil : Array(value.prefix(count))
  }

  // MARK: - Refusals

  @Test func whatIsNoFileIsRefusedWithoutWaiting() throws {
    #expect(mkdir(path, 0o700) == 0)
    try expectRefusal(.directory)
    #expect(rmdir(path) == 0)
    #expect(mkfifo(path, 0o600) == 0)
    try expectRefusal(.notAFile)
    #expect(unlink(path) == 0)
    #expect(symlink("/dev/null", path) == 0)
    try expectRefusal(.notAFile)
    try expectRefusal(.directory, of: directory.file("b/"))
    try expectRefusal(
      .system(.find, .noSuchFileOrDirectory), of: directory.file("b/c"))
    try write("", "f")
    try expectRefusal(.system(.find, .notDirectory), of: directory.file("f/c"))
    #expect(symlink("y", directory.file("x")) == 0)
    #expect(symlink("x", directory.file("y")) == 0)
    try expectRefusal(
      .system(.find, .tooManySymbolicLinkLevels), of: directory.file("x"))
  }

  @Test func aFileWithSeveralNamesIsRefused() throws {
    try write("old")
    #expect(link(path, directory.file("b")) == 0)
    try expectRefusal(.hardLinks)
    #expect(try text() == "old")
  }

  @Test func aReadOnlyFileIsRefusedAlsoToRoot() throws {
    try write("old")
    #expect(chmod(path, 0o444) == 0)
    try expectRefusal(.readOnly)
    #expect(try text() == "old")
  }

  @Test func aLargeFileIsRefused() throws {
    try write(String(repeating: "x", count: 100))
    try replace(path, String(repeating: "x", count: 100))
    try write(String(repeating: "x", count: 101))
    try expectRefusal(.tooLarge(limit: 100))
  }

  @Test(.enabled(if: getuid() == 0, "needs root"))
  func whatThisUserMayNotDoIsRefused() throws {
    try write("old")
    #expect(chmod(directory.path, 0o777) == 0)
    #expect(chmod(path, 0o666) == 0)
    try runThread { [self] in
      #expect(cts_act_as(1234) == 0)
      // Root's group, too.
      #expect(throws: FileReplacementError.owner(user: 0, group: 0)) {
        try replace(path)
      }
    }
    #expect(chmod(path, 0o644) == 0)
    try runThread { [self] in
      #expect(cts_act_as(1234) == 0)
      #expect(throws: FileReplacementError.readOnly) { try replace(path) }
    }
    #expect(chmod(path, 0o600) == 0)
    #expect(chown(path, 1234, getgid()) == 0)
    #expect(chmod(directory.path, 0o755) == 0)
    try runThread { [self] in
      #expect(cts_act_as(1234) == 0)
      #expect(
        throws: FileReplacementError.system(.create, .permissionDenied)
      ) { try replace(path) }
    }
    #expect(try text() == "old")
    #expect(try Set(fileNames(in: directory.path)) == [".", "..", "a"])
  }

  // MARK: - Others

  @Test func aChangeByAnotherProgramIsNotUndone() throws {
    try write("old")
    #expect(throws: FileReplacementError.changed) {
      try replace(path) { try write("theirs") }
    }
    #expect(try text() == "theirs")
    #expect(throws: FileReplacementError.changed) {
      try replace(path) { unlink(path) }
    }
    #expect(throws: FileReplacementError.changed) {
      try replace(path) { try write("created") }
    }
    #expect(try text() == "created")
    #expect(try Set(fileNames(in: directory.path)) == [".", "..", "a"])
  }

  @Test func replacementsWaitForEachOther() throws {
    try write("0")
    try sideBySideOnThreads(8) {
      for _ in 0..<25 {
        let file = try FileReplacement(
          of: path, limit: 100, until: Deadline(after: .seconds(60)))
        let number = Int(String(decoding: file.content, as: UTF8.self)) ?? 0
        try file.replace(with: Array("\(number + 1)".utf8))
      }
    }
    #expect(try text() == "200")
  }

  @Test(
    .disabled(if: isUnderAddressSanitizer, "its locks are not safe to fork"))
  func aKilledProcessLeavesTheOldContentOrTheNew() throws {
    let contents = ["a", "b"].map { String(repeating: $0, count: 20_000) }
    try write(contents[0])
    func replace(_ number: Int) throws {
      let file = try FileReplacement(
        of: path, limit: 1 << 20, until: Deadline(after: .seconds(60)))
      try file.replace(with: Array(contents[number % 2].utf8))
    }
    for round in 0..<50 {
      let child = cts_fork()
      if child == 0 {
        alarm(60)
        for number in 0... { if (try? replace(number)) == nil { _exit(1) } }
      }
      // It writes; then it is killed at any moment.
      let before = try Stat(path).inode
      while try Stat(path).inode == before { sched_yield() }
      for _ in 0..<round * 20 { sched_yield() }
      kill(child, SIGKILL)
      #expect(cts_wait(child) == 128 + SIGKILL)
      #expect(contents.contains(try text()))
    }
    try replace(1)
    #expect(try text() == contents[1])
    #expect(try Set(fileNames(in: directory.path)) == [".", "..", "a"])
  }

  @Test func aLockThatStaysIsAnErrorThatNamesTheProcess() throws {
    try write("old")
    let other = try Descriptor {
      open(directory.path, O_RDONLY | O_CLOEXEC)
    }
    #expect(flock(other.raw.rawValue, LOCK_EX) == 0)
    #expect(throws: FileReplacementError.locked(by: getpid())) {
      _ = try FileReplacement(
        of: path, limit: 100, until: Deadline(after: .milliseconds(10)))
    }
    #expect(try text() == "old")
  }

  private func sideBySideOnThreads(
    _ count: Int, _ body: @escaping @Sendable () throws -> Void
  ) throws {
    let failures = Collected<String>()
    let group = DispatchGroup()
    for _ in 0..<count {
      group.enter()
      Thread.detachNewThread {
        do { try body() } catch { failures.add("\(error)") }
        group.leave()
      }
    }
    group.wait()
    #expect(failures.all == [])
  }
}
