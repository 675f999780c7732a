import HostSystem
import Testing

/// A line of `/proc/PID/stat` as the kernel writes it.
private func line(
  name: String = "sleep", state: String = "S", threads: String = "1",
  start: String = "4242"
) -> [UInt8] {
  // Fields 4 to 19 are numbered, so that a wrong one shows.
  let before = (4...19).map(String.init).joined(separator: " ")
  let after = (23...52).map(String.init).joined(separator: " ")
  let text =
    "17 (\(name)) \(state) \(before) \(threads) 21 \(start) \(after)\n"
  return Array(text.utf8)
}

@Suite struct ProcessStatusTests {
  @Test func fieldsAreReadFromTheirPlaces() throws {
    let status = try #require(
      ProcessStatus(line(state: "R", threads: "3", start: "987654321")))
    #expect(status.state == UInt8(ascii: "R"))
    #expect(status.threadCount == 3)
    #expect(status.startTime == 987_654_321)
    #expect(status.parent == 4)
    #expect(status.session == 6)
    #expect(status.stackStart == 28)
  }

  /// The kernel shows -1 as the group and session of a process that is being reaped.
  @Test func aProcessThatIsBeingReapedHasNoSession() throws {
    let line = "9 (sh) Z 1 -1 -1 0 -1 4227084 0 0 0 0 0 0 0 0 20 0 0 0 5 0 0"
    let status = try #require(ProcessStatus(Array(line.utf8)))
    #expect(status.session == nil)
    #expect(status.life == .ambiguous)
    #expect(status.stackStart == nil)
  }

  @Test(arguments: [
    "", " ", "a b c", "(sd-pam)", ")", "))) R 1 2", "a) Z 1 (b", "tab\tname",
    "line\nfeed", "é",
  ])
  func nameCanHoldAnything(_ name: String) throws {
    let status = try #require(ProcessStatus(line(name: name)))
    #expect(status.state == UInt8(ascii: "S"))
    #expect(status.threadCount == 1)
    #expect(status.startTime == 4242)
  }

  @Test func lineCanEndWithTheStartTime() throws {
    let fields = (4...22).map(String.init).joined(separator: " ")
    let status = try #require(
      ProcessStatus(Array("1 (init) S \(fields)".utf8)))
    #expect(status.threadCount == 20)
    #expect(status.startTime == 22)
  }

  @Test func lineCutBeforeTheStartTimeIsNone() {
    // The cut removes field 22. A cut within field 22 cannot be detected.
    for last in 3...21 {
      let fields = (4..<22).prefix(last - 3).map(String.init)
        .joined(separator: " ")
      #expect(ProcessStatus(Array("1 (init) S \(fields)".utf8)) == nil)
    }
  }

  @Test(arguments: [
    "", ")", "(", "1 (init", "1 (init)", "1 (init) ", "no such thing",
    "\u{0}\u{0}\u{0}",
  ])
  func garbageIsNone(_ text: String) {
    #expect(ProcessStatus(Array(text.utf8)) == nil)
  }

  @Test(arguments: ["x", "-1", "+1", "1x", "0x10", "1.0", "٣"])
  func fieldThatIsNoNumberMakesItNone(_ text: String) {
    #expect(ProcessStatus(line(threads: text)) == nil)
    #expect(ProcessStatus(line(start: text)) == nil)
  }

  @Test func numbersGoUpTo64Bits() throws {
    let status = try #require(
      ProcessStatus(line(start: "18446744073709551615")))
    #expect(status.startTime == .max)
    for text in [
      "18446744073709551616", "18446744073709551620", "99999999999999999999999",
    ] {
      #expect(ProcessStatus(line(start: text)) == nil)
      #expect(ProcessStatus(line(threads: text)) == nil)
    }
  }

  @Test(arguments: ["R", "S", "D", "T", "t", "I", "P"])
  func processRunsInEveryStateOfALivingOne(_ state: String) throws {
    let status = try #require(ProcessStatus(line(state: state)))
    #expect(status.life == .running)
  }

  @Test(
    arguments: ["Z", "X", "x"],
    [
      // A process looks like this while another thread takes over its pid (execve(2)).
      ("0", ProcessStatus.Life.ambiguous), ("1", .ended), ("2", .running),
    ])
  func endedProcessRunsAsLongAsItHasOtherThreads(
    _ state: String, _ threads: (count: String, life: ProcessStatus.Life)
  ) throws {
    let status = try #require(
      ProcessStatus(line(state: state, threads: threads.count)))
    #expect(status.life == threads.life)
  }

  @Test func kernelThreadsAreTold() throws {
    // kthreadd, and an ordinary process.
    #expect(
      try #require(
        ProcessStatus(
          Array(
            "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5"
              .utf8))
      ).isKernelThread)
    #expect(
      try #require(
        ProcessStatus(
          Array("9 (sh) S 1 9 9 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 5".utf8))
      ).isKernelThread == false)
  }
}
