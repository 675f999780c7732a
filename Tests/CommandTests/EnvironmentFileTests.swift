import Foundation
import HostSystem
import PortPicker
import TestSupport
import Testing

@testable import PortPickerCommand

@Suite(.alone) struct EnvironmentFileTests {
  private let directory: TemporaryDirectory
  private var path: String { directory.file(".env") }

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func write(_ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }

  private func text() throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  private static let block =
    "# >>> portpicker >>>\nA=1\n# <<< portpicker <<<\n"

  @Test
  func `A block is added, replaced, and left alone`() throws {
    #expect(try EnvironmentFile.write(["A=1"], to: path))
    #expect(try text() == Self.block)
    try write("SECRET=x")
    #expect(try EnvironmentFile.write(["A=1"], to: path))
    #expect(try text() == "SECRET=x\n" + Self.block)
    try write("SECRET=x\r\n# note\r\n")
    #expect(try EnvironmentFile.write(["A=2"], to: path))
    #expect(try EnvironmentFile.write(["A=1"], to: path))
    let block = Self.block.replacing("\n", with: "\r\n")
    #expect(
      try text().utf8.elementsEqual(("SECRET=x\r\n# note\r\n" + block).utf8))
    var before = stat()
    #expect(stat(path, &before) == 0)
    #expect(try !EnvironmentFile.write(["A=1"], to: path))
    var after = stat()
    #expect(stat(path, &after) == 0)
    #expect(before.st_ino == after.st_ino)
    #expect(before.st_ctim.tv_nsec == after.st_ctim.tv_nsec)
  }

  @Test
  func `An empty file gets a block`() throws {
    try write("")
    #expect(try EnvironmentFile.write(["A=1"], to: path))
    #expect(try text() == Self.block)
  }

  @Test
  func `What is refused is said, and nothing is changed`() throws {
    for (content, message) in [
      ("A\n" + Self.block + Self.block, "is on line 2 and on line 5; expected"),
      ("A\n# >>> portpicker >>>\n", "on line 2 has no"),
      ("# <<< portpicker <<<\n", "on line 1 has no"),
      ("A\0B", "contains a NUL; expected"),
    ] {
      try write(content)
      try expectRefusal(.invalidArgument, message)
      #expect(try text() == content)
    }
    #expect(chmod(path, 0o400) == 0)
    try expectRefusal(.systemFailure, "it is read-only; make it writable")
    #expect(chmod(path, 0o600) == 0)
    #expect(link(path, directory.file("b")) == 0)
    try expectRefusal(.systemFailure, "it has several names (hard links)")
    #expect(unlink(path) == 0)
    #expect(mkdir(path, 0o700) == 0)
    try expectRefusal(.systemFailure, "it is a directory; name a file")
    #expect(rmdir(path) == 0)
    #expect(mkfifo(path, 0o600) == 0)
    try expectRefusal(.systemFailure, "it is a pipe, socket or device")
    #expect(unlink(path) == 0)
    #expect(symlink("x/y", path) == 0)
    try expectRefusal(
      .systemFailure, "No such file or directory; create its directory")
    #expect(throws: PortPickerError.self) {
      try EnvironmentFile.write(["A=1"], to: "")
    }
  }

  private func expectRefusal(
    _ code: PortPickerError.Code, _ message: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let names = try Set(fileNames(in: directory.path))
    let error = #expect(
      throws: PortPickerError.self, sourceLocation: sourceLocation
    ) {
      try EnvironmentFile.write(["A=1"], to: path)
    }
    #expect(error?.code == code, sourceLocation: sourceLocation)
    let text = error?.description ?? ""
    #expect(
      text.contains(message) && text.contains("'\(path)'")
        && !text.contains("\n"),
      "\(text)", sourceLocation: sourceLocation)
    #expect(
      try Set(fileNames(in: directory.path)) == names,
      sourceLocation: sourceLocation)
  }

  @Test
  func `A file that others change is written in the end`() async throws {
    try write("X=0\n")
    let path = path
    _ = try await sideBySide(8) { number in
      for _ in 0..<20 {
        try EnvironmentFile.write(
          ["A=\(number)"], to: path, timeout: .seconds(60))
        // Never a part of a file.
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.hasPrefix("X=0\n# >>> portpicker >>>\nA="))
        #expect(text.hasSuffix("\n# <<< portpicker <<<\n"))
      }
    }
    #expect(try Set(fileNames(in: directory.path)) == [".", "..", ".env"])
  }
}
