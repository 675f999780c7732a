/// A moment on the monotonic clock, unaffected by steps of the wall clock.
package struct Deadline: Comparable, Sendable {
  /// Nanoseconds on `CLOCK_MONOTONIC`.
  private let nanoseconds: UInt64

  /// The moment that is `duration` from now.
  ///
  /// A negative duration counts as zero.
  package init(after duration: Duration) {
    nanoseconds = Self.now.addingSaturating(duration.nanoseconds)
  }

  /// The time until the deadline; zero if it has passed.
  package var remaining: Duration {
    let now = Self.now
    return .nanoseconds(
      Int64(clamping: nanoseconds > now ? nanoseconds - now : 0))
  }

  /// The time until the deadline in milliseconds, rounded up, for epoll_wait(2).
  var remainingMilliseconds: Int32 {
    let now = Self.now
    if nanoseconds <= now { return 0 }
    return Int32(clamping: (nanoseconds - now - 1) / 1_000_000 + 1)
  }

  /// The moment on `CLOCK_MONOTONIC`, for pthread_cond_timedwait(3).
  var systemTime: timespec { Duration.nanoseconds(nanoseconds).timespec }

  /// Whether the deadline has passed.
  package var hasPassed: Bool { Self.now >= nanoseconds }

  package static func < (one: Deadline, other: Deadline) -> Bool {
    one.nanoseconds < other.nanoseconds
  }

  private static var now: UInt64 { HostSystem.nanoseconds(on: CLOCK_MONOTONIC) }
}

extension Duration {
  /// The duration in whole nanoseconds, clamped to the range of `UInt64`.
  package var nanoseconds: UInt64 {
    let attoseconds = attoseconds
    if attoseconds < 0 { return 0 }
    let divisor: UInt64 = 1_000_000_000
    let high = UInt64(truncatingIfNeeded: attoseconds >> 64)
    // The quotient would not fit.
    if high >= divisor { return .max }
    return divisor.dividingFullWidth(
      (high, UInt64(truncatingIfNeeded: attoseconds))
    ).quotient
  }

  /// The duration as a `timespec`, clamped to a hundred years, so that sums of a few of
  /// them cannot overflow.
  var timespec: timespec {
    let nanoseconds = min(self.nanoseconds, 100 * 366 * 86_400 * 1_000_000_000)
    return Glibc.timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000),
      tv_nsec: Int(nanoseconds % 1_000_000_000))
  }

  /// The duration as a `timeval`, rounded up, and clamped like ``timespec``.
  ///
  /// A positive duration never becomes zero, which means "no limit" to `SO_RCVTIMEO`.
  var timeval: timeval {
    let spec = timespec
    let microseconds = spec.tv_sec * 1_000_000 + (spec.tv_nsec + 999) / 1000
    return Glibc.timeval(
      tv_sec: microseconds / 1_000_000, tv_usec: microseconds % 1_000_000)
  }
}

extension UInt64 {
  fileprivate func addingSaturating(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
