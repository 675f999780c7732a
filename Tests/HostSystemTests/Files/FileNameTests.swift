import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct FileNameTests {
  let directory: TemporaryDirectory
  let one: String
  let two: String

  init() throws {
    directory = try TemporaryDirectory()
    one = directory.file("one")
    two = directory.file("two")
  }

  /// The identity of the file that a path names.
  private func inode(_ path: String) throws -> Inode {
    try File(openingExisting: path).status().inode
  }

  @Test func fileIsRenamed() throws {
    _ = try File(creating: one)
    let file = try inode(one)
    try renameFile(one, to: two)
    #expect(try inode(two) == file)
    #expect(access(one, F_OK) == -1)
  }

  @Test func renamingReplacesNoFile() throws {
    _ = try File(creating: one)
    _ = try File(creating: two)
    let files = try (inode(one), inode(two))
    #expect(throws: Errno.fileExists) { try renameFile(one, to: two) }
    #expect(try (inode(one), inode(two)) == files)
  }

  @Test func filesAreExchanged() throws {
    _ = try File(creating: one)
    _ = try File(creating: two)
    let files = try (inode(one), inode(two))
    try exchangeFiles(one, two)
    #expect(try (inode(two), inode(one)) == files)
  }

  @Test func exchangeNeedsBothFiles() throws {
    _ = try File(creating: one)
    #expect(throws: Errno.noSuchFileOrDirectory) {
      try exchangeFiles(one, two)
    }
    #expect(access(one, F_OK) == 0)
  }

  @Test func fileIsRemoved() throws {
    _ = try File(creating: one)
    try removeFile(one)
    #expect(access(one, F_OK) == -1)
  }

  @Test func removingNothingIsNoError() throws {
    try removeFile(one)
    try removeFile(directory.file("none/one"))
  }

  @Test func removingADirectoryIsAnError() {
    #expect(throws: Errno.isDirectory) { try removeFile(directory.path) }
  }

  @Test func directoryIsPrivate() throws {
    try makePrivateDirectory(one)
    var status = stat()
    try systemCall { stat(one, &status) }
    #expect(status.st_mode & 0o7777 == 0o700)
    #expect(throws: Errno.fileExists) { try makePrivateDirectory(one) }
  }
}
