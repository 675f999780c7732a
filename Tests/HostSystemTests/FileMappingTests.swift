import Glibc
import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct FileMappingTests {
  private let directory: TemporaryDirectory
  private let path: String

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("a")
  }

  /// A mapped file of two pages.
  private func mapping() throws -> FileMapping {
    let file = try File(creating: path)
    try file.resize(to: 8192)
    return try FileMapping(of: file, size: 8192)
  }

  private func store(
    _ byte: UInt8, at offset: Int, in mapping: FileMapping
  ) -> Bool {
    withUnsafeBytes(of: byte) { mapping.store($0, at: offset) }
  }

  @Test func whatIsStoredIsInTheFile() throws {
    let mapping = try mapping()
    #expect(store(7, at: 5000, in: mapping))
    let file = try File(openingExisting: path)
    var byte: UInt8 = 0
    let count = try withUnsafeMutableBytes(of: &byte) {
      try file.read(at: 5000, into: $0)
    }
    #expect((count, byte) == (1, 7))
  }

  @Test func aFileThatWasCutIsToldAndHarmsNobody() throws {
    let mapping = try mapping()
    let file = try File(openingExisting: path)
    try file.resize(to: 4096)
    for _ in 0..<3 { #expect(!store(7, at: 5000, in: mapping)) }
    #expect(store(7, at: 4095, in: mapping))
    try file.resize(to: 8192)
    #expect(store(7, at: 5000, in: mapping))
  }

  @Test func otherBusErrorsEndTheProcessStill() async {
    await #expect(processExitsWith: .signal(SIGBUS)) {
      let directory = try TemporaryDirectory()
      let file = try File(creating: directory.file("a"))
      try file.resize(to: 4096)
      _ = try FileMapping(of: file, size: 4096)
      raise(SIGBUS)
    }
  }
}
