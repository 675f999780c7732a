import HostSystem
import Testing

@Suite struct DeadlineTests {
  @Test(
    arguments: [
      (.zero, 0),
      (.nanoseconds(1), 1),
      (.nanoseconds(999_999_999), 999_999_999),
      (.seconds(1), 1_000_000_000),
      (.milliseconds(1500), 1_500_000_000),
      (.seconds(Int64.max / 1_000_000_000), 9_223_372_036_000_000_000),
      (.seconds(18_446_744_073), 18_446_744_073_000_000_000),
      (.seconds(18_446_744_074), .max),
      (.seconds(Int64.max), .max),
      (.nanoseconds(-1), 0),
      (.milliseconds(-1500), 0),
      (.seconds(Int64.min), 0),
      (Duration(secondsComponent: 0, attosecondsComponent: 1), 0),
      (Duration(secondsComponent: 0, attosecondsComponent: 999_999_999), 0),
      (Duration(secondsComponent: 0, attosecondsComponent: -1), 0),
    ] as [(Duration, UInt64)])
  func nanosecondsAreClamped(_ duration: Duration, _ expected: UInt64) {
    #expect(duration.nanoseconds == expected)
  }

  @Test(
    arguments: [.zero, .nanoseconds(-1), .seconds(Int64.min)] as [Duration])
  func deadlineThatIsNotAheadHasPassed(_ duration: Duration) {
    let deadline = Deadline(after: duration)
    #expect(deadline.hasPassed)
    #expect(deadline.remaining == .zero)
  }

  @Test func deadlineAheadHasNotPassed() {
    let deadline = Deadline(after: .seconds(3600))
    #expect(!deadline.hasPassed)
    let remaining = deadline.remaining
    #expect(remaining > .seconds(3000) && remaining <= .seconds(3600))
    #expect(deadline.remaining <= remaining)
  }

  @Test func deadlineThatIsTooFarAheadNeverPasses() {
    let deadline = Deadline(after: .seconds(Int64.max))
    #expect(!deadline.hasPassed)
    #expect(deadline.remaining == .nanoseconds(Int64.max))
  }

  @Test func timeSinceBootGoesOn() {
    let first = nanosecondsSinceBoot()
    #expect(first > 0)
    #expect(nanosecondsSinceBoot() >= first)
  }
}
