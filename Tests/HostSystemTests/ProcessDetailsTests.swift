import Glibc
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Whose a process is, and where it stands.
@Suite(.alone) struct ProcessDetailsTests {
  private func parse(_ text: String) -> ProcessDetails? {
    ProcessDetails(parsing: Array(text.utf8))
  }

  @Test func thisProcess() throws {
    let details = try ProcessDetails(ofProcess: getpid())
    #expect(details.users.contains(geteuid()))
    #expect(details.parent == getppid())
    #expect(details.namespacePIDs == [getpid()])
    #expect(details.namespaceDepth == 0)
    #expect(details.innermostPID == getpid())
  }

  @Test func aProcessInAContainer() throws {
    let details = try #require(
      parse(
        "Name:\tUid: 9\\nNSpid: 9\nUmask:\t0022\nPid:\t500\nPPid:\t499\n"
          + "Uid:\t1000\t1001\t1002\t1003\nNSpid:\t500\t20\t2\nVmRSS:\t1 kB\n"))
    #expect(details.users == [1000, 1001, 1002])
    #expect(details.parent == 499)
    #expect(details.namespacePIDs == [500, 20, 2])
    #expect(details.namespaceDepth == 2)
    #expect(details.innermostPID == 2)
  }

  @Test(arguments: [
    "", "Name:\tx\n", "PPid:\t1\nUid:\t0\t0\t0\t0\n",
    "PPid:\t1\nUid:\t0\nNSpid:\t1\n", "PPid:\nUid:\t0\t0\t0\t0\nNSpid:\t1\n",
    "PPid:\t1\nUid:\t0\t0\t0\t0\nNSpid:\t1",
  ])
  func whatIsNoStatus(text: String) {
    #expect(parse(text) == nil)
  }

  @Test func aProcessThatIsNot() throws {
    let holder = try HolderProcess()
    holder.end()
    #expect(throws: Errno.self) {
      try ProcessDetails(ofProcess: holder.number)
    }
  }
}
