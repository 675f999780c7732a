import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct FileTests {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  @Test func fileThatIsNotThereIsNotOpened() {
    #expect(throws: Errno.noSuchFileOrDirectory) {
      _ = try File(openingExisting: directory.file("a"))
    }
  }

  @Test func symbolicLinkIsNotFollowed() throws {
    let target = directory.file("target")
    let link = directory.file("link")
    _ = try File(creating: target)
    try systemCall { symlink(target, link) }
    #expect(throws: Errno.tooManySymbolicLinkLevels) {
      _ = try File(openingExisting: link)
    }
    #expect(throws: Errno.fileExists) { _ = try File(creating: link) }
  }

  @Test func danglingSymbolicLinkIsNotFollowed() throws {
    let target = directory.file("target")
    let link = directory.file("link")
    try systemCall { symlink(target, link) }
    #expect(throws: Errno.fileExists) { _ = try File(creating: link) }
    #expect(access(target, F_OK) == -1)
  }

  @Test func fileIsMadeOnce() throws {
    let path = directory.file("a")
    let file = try File(creating: path)
    #expect(throws: Errno.fileExists) { _ = try File(creating: path) }
    let status = try file.status()
    #expect(status.permissions.rawValue == 0o600)
    #expect(status.size == 0)
    #expect(
      try File(openingExisting: path).status().inode == status.inode)
  }

  @Test func bytesAreWrittenAndReadAtOffsets() throws {
    let path = directory.file("a")
    let file = try File(creating: path)
    try file.write("hello", at: 3)
    #expect(try file.read(atMost: 5, at: 3) == Array("hello".utf8))
    #expect(try file.read(atMost: 8, at: 0) == Array("\0\0\0hello".utf8))
    try file.write("J", at: 3)
    let other = try File(openingExisting: path)
    #expect(try other.read(atMost: 3, at: 3) == Array("Jel".utf8))
  }

  @Test func readEndsWithTheFile() throws {
    let file = try File(creating: directory.file("a"))
    try file.write("hello", at: 0)
    #expect(try file.read(atMost: 100, at: 0) == Array("hello".utf8))
    #expect(try file.read(atMost: 100, at: 4) == Array("o".utf8))
    #expect(try file.read(atMost: 100, at: 5) == [])
    #expect(try file.read(atMost: 100, at: 500) == [])
    #expect(try file.read(atMost: 0, at: 0) == [])
  }

  @Test func fileIsCutAndLengthened() throws {
    let file = try File(creating: directory.file("a"))
    try file.write("hello", at: 0)
    try file.resize(to: 2)
    #expect(try file.read(atMost: 100, at: 0) == Array("he".utf8))
    try file.resize(to: 4)
    #expect(try file.read(atMost: 100, at: 0) == Array("he\0\0".utf8))
    #expect(try file.status().size == 4)
  }
}

extension File {
  fileprivate func write(_ text: String, at offset: Int) throws {
    try Array(text.utf8).withUnsafeBytes { bytes in
      try write(bytes, at: offset)
    }
  }

  fileprivate func read(atMost count: Int, at offset: Int) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0xFF, count: count)
    let done = try buffer.withUnsafeMutableBytes { bytes in
      try read(at: offset, into: bytes)
    }
    #expect(buffer[done...].allSatisfy { $0 == 0xFF })
    return Array(buffer[..<done])
  }
}
