import Foundation
import TestSupport
import Testing

@testable import PortPicker

struct PlaceTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func make(_ path: String) throws -> String {
    let path = directory.file(path)
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true)
    return path
  }

  private func write(_ text: String, _ path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: directory.file(path)))
  }

  private func error(
    at path: String, sourceLocation: SourceLocation = #_sourceLocation
  ) -> String? {
    let error = #expect(
      throws: PortPickerError.self, sourceLocation: sourceLocation
    ) {
      try Place(at: path)
    }
    #expect(error?.code == .invalidArgument, sourceLocation: sourceLocation)
    return error?.description
  }

  @Test
  func `A place that is named is its canonical path`() throws {
    let path = try make("a/b")
    _ = try make("a/.git")
    try write("", "a/.ports")
    #expect(symlink("a/b", directory.file("link")) == 0)
    for name in ["a/b", "link", "a/../a/./b//", "link/../b"] {
      #expect(try Place(at: directory.file(name)).path == path)
    }
    #expect(try Place(at: "/").path == "/")
  }

  @Test
  func `A place must be a directory`() throws {
    try write("", "file")
    #expect(
      error(at: directory.file("file"))
        == "the place '\(directory.file("file"))' is not a directory; name a "
        + "directory")
    #expect(
      error(at: directory.file("x"))?.contains("does not exist; expected")
        == true)
    #expect(error(at: "")?.contains("the place is ''") == true)
    #expect(error(at: "/\0")?.contains("not valid UTF-8") == true)
  }

  @Test
  func `The path of a place is text of one line`() throws {
    let path = try make("a\nb")
    #expect(
      error(at: path)?.contains("a?b' has a line feed in its path") == true)
    #expect(symlink(path, directory.file("link")) == 0)
    #expect(
      error(at: directory.file("link"))?.contains("has a line feed") == true)
    // Swift takes CR and LF for one character.
    #expect(
      error(at: try make("a\r\nb"))?.contains("has a line feed") == true)
    let bytes = Array(directory.file("x").utf8CString.dropLast()) + [-1, 0]
    #expect(mkdir(bytes, 0o700) == 0)
    #expect(unlink(directory.file("link")) == 0)
    #expect(symlink(bytes, directory.file("link")) == 0)
    #expect(
      error(at: directory.file("link"))?.contains("not valid UTF-8") == true)
  }

  @Test
  func `A place is in a main checkout unless .git is a file`() throws {
    let path = try make("a/b")
    #expect(try Place(at: path).isMainCheckout)
    _ = try make("a/.git")
    #expect(try Place(at: path).isMainCheckout)
    try write("gitdir: /x/.git/worktrees/b\n", "a/b/.git")
    #expect(try !Place(at: path).isMainCheckout)
    #expect(try !Place(at: make("a/b/c")).isMainCheckout)
    #expect(try Place(at: directory.file("a")).isMainCheckout)
    // A submodule's.
    try write("gitdir: ../.git/modules/b\n", "a/b/.git")
    #expect(try !Place(at: path).isMainCheckout)
  }

  // MARK: - Search

  /// The place of a directory, relative to the temporary one.
  private func place(of path: String) throws -> String {
    let place = try Place(upwardsFrom: directory.file(path))
    return String(place.path.dropFirst(directory.path.count + 1))
  }

  @Test
  func `The nearest manifest is found, then the nearest checkout`() throws {
    _ = try make("a/b/c/d")
    #expect(try place(of: "a/b/c") == "a/b/c")
    _ = try make("a/.git")
    #expect(try place(of: "a/b/c") == "a")
    _ = try make("a/b/.git")
    #expect(try place(of: "a/b/c") == "a/b")
    #expect(try place(of: "a/b") == "a/b")
    try write("", "a/.ports")
    #expect(try place(of: "a/b/c") == "a")
    try write("", "a/b/c/.ports")
    #expect(try place(of: "a/b/c/d") == "a/b/c")
    #expect(try place(of: "a/b/c") == "a/b/c")
    #expect(try place(of: "a/b") == "a")
    // It is an error when it is read, not another place.
    #expect(symlink("missing", directory.file("a/b/c/d/.ports")) == 0)
    #expect(try place(of: "a/b/c/d") == "a/b/c/d")
  }

  @Test
  func `A linked worktree inside another checkout is a place`() throws {
    _ = try make("a/.git")
    try write("", "a/.ports")
    _ = try make("a/b/c")
    try write("gitdir: ../.git/modules/b\n", "a/b/.git")
    #expect(try place(of: "a/b/c") == "a")
    #expect(try Place(upwardsFrom: directory.file("a/b")).isMainCheckout)
    try write("gitdir: /x/a/.git/worktrees/b\n", "a/b/.git")
    #expect(try place(of: "a/b/c") == "a/b")
    #expect(try place(of: "a") == "a")
    #expect(try !Place(upwardsFrom: directory.file("a/b")).isMainCheckout)
    try write("", "a/b/c/.ports")
    #expect(try place(of: "a/b/c") == "a/b/c")
    #expect(try !Place(upwardsFrom: directory.file("a/b/c")).isMainCheckout)
  }

  @Test
  func `The current directory must exist`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = directory.file("a")
      try #require(mkdir(path, 0o700) == 0 && chdir(path) == 0)
      #expect(try Place(at: nil).path == path)
      #expect(try Place(at: ".").path == path)
      #expect(try Place.path(ofFormer: nil) == path)
      #expect(try Place.path(ofFormer: "../b") == directory.file("b"))
      try #require(rmdir(path) == 0)
      let message =
        "the current directory does not exist any more; change to one that "
        + "exists, or name the place (--at DIR)"
      let error = #expect(throws: PortPickerError.self) { try Place(at: nil) }
      #expect(error?.description == message)
      #expect(error?.code == .systemFailure)
      #expect(throws: PortPickerError.self) { try Place(at: ".") }
      #expect(throws: PortPickerError.self) { try Place.path(ofFormer: nil) }
      #expect(throws: PortPickerError.self) { try Place.path(ofFormer: "b") }
      #expect(try Place.path(ofFormer: path) == path)
    }
  }

  // MARK: - Forgetting

  @Test
  func `A place that is gone is named as it was`() throws {
    let path = try make("a/b")
    #expect(symlink("a", directory.file("link")) == 0)
    #expect(symlink("a/b", directory.file("end")) == 0)
    let names = ["a/b", "link/b", "link/./b", "link/x/../b/", "end"]
    for name in names.filter({ !$0.contains("x") }) {
      #expect(try Place.path(ofFormer: directory.file(name)) == path)
    }
    #expect(rmdir(path) == 0)
    for name in names {
      #expect(try Place.path(ofFormer: directory.file(name)) == path)
    }
    #expect(
      try Place.path(ofFormer: directory.file("end/c/d")) == path + "/c/d")
    try write("", "a/b")
    #expect(try Place.path(ofFormer: directory.file("end")) == path)
    #expect(try Place.path(ofFormer: directory.file("end/c")) == path + "/c")
    #expect(try Place.path(ofFormer: "/") == "/")
  }

  @Test
  func `A circle of links is no place`() throws {
    #expect(symlink("b", directory.file("a")) == 0)
    #expect(symlink("a", directory.file("b")) == 0)
    let error = #expect(throws: PortPickerError.self) {
      try Place.path(ofFormer: directory.file("a/c"))
    }
    #expect(error?.code == .invalidArgument)
    #expect(throws: PortPickerError.self) { try Place.path(ofFormer: "/a\n") }
    #expect(throws: PortPickerError.self) { try Place.path(ofFormer: "") }
  }

  @Test(
    arguments: [
      ("/a", "/a", true), ("/a", "/a/b", true), ("/a", "/ab", false),
      ("/a", "/", false), ("/", "/", true), ("/", "/a", true),
      ("/a/b", "/a", false), ("/é", "/e\u{301}", false),
    ])
  func `A directory is inside by whole components`(
    _ place: String, _ path: String, _ isInside: Bool
  ) {
    #expect(Place.contains(place, path) == isInside)
  }
}
