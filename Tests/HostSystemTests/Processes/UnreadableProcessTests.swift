import CTestSupport
import Foundation
import HostSystem
import TestSupport
import Testing

/// The process whose command line cannot be read, which other tests use.
@Suite(.alone) struct UnreadableProcessTests {
  @Test(.enabled(if: canStartUnreadable, "needs /dev/fuse, and root"))
  func itsCommandLineIsNeverRead() throws {
    let holder = cts_start_unreadable()
    try #require(holder > 0)
    defer { cts_end(holder) }
    let reader = try Command("/bin/cat", ["/proc/\(holder)/cmdline"]).start()
    // It has opened the file, and waits in a state other than sleeping.
    var state: Substring?
    while state != "D", state != "Z" {
      let file = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/\(reader.pid)/fd/3")
      guard file?.hasSuffix("/cmdline") == true else { continue }
      let stat = try readTextFile("/proc/\(reader.pid)/stat")
      state = stat.split(separator: " ").dropFirst(2).first
    }
    #expect(state == "D")
    // Reads that cannot block return.
    let name = try Command("/bin/cat", ["/proc/\(holder)/comm"]).run()
    #expect(name.output == "unreadable\n")
    reader.kill()
    let result = try reader.finish()
    #expect(result.output == "")
    #expect(result.status == 128 + SIGKILL)
  }
}
