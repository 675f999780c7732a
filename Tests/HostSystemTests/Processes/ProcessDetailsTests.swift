import CTestSupport
import HostSystem
import SystemPackage
import TestSupport
import Testing

/// The users, parent, and pids of a process.
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

  /// The groups come before the lines that are parsed.
  ///
  /// The children inherit all descriptors of this process, so they are started in one
  /// that has few.
  @Test(.enabled(if: getuid() == 0, "only root can be in many groups"))
  func aProcessInManyGroups() async {
    await #expect(processExitsWith: .success) {
      for count in [400, 65_536] as [Int32] {
        let process = cts_start_in_groups(count)
        try #require(process > 0)
        let details = try? ProcessDetails(ofProcess: process)
        cts_end(process)
        #expect(details?.namespacePIDs == [process])
      }
    }
  }

  /// Another thread takes over its pid each time, and `/proc` shows it for a moment.
  @Test func aProcessThatBecomesAnotherProgramIsShownAsItself() async {
    await #expect(processExitsWith: .success) {
      let process = cts_start_thread_execs(300)
      try #require(process > 0)
      defer { cts_end(process) }
      while cts_has_run_all(process) == 0 {
        let details = try ProcessDetails(ofProcess: process)
        try #require(details.namespacePIDs == [process])
        try #require(details.parent == getpid())
      }
    }
  }

  @Test func aProcessActsForItsUser() throws {
    #expect(isEffectiveUser(geteuid(), ofProcess: getpid()))
    #expect(!isEffectiveUser(geteuid() + 1, ofProcess: getpid()))
    #expect(!isEffectiveUser(geteuid(), ofProcess: .max))
  }

  @Test func aProcessThatIsNot() throws {
    let holder = try HolderProcess()
    holder.end()
    #expect(throws: Errno.self) {
      try ProcessDetails(ofProcess: holder.number)
    }
  }
}
