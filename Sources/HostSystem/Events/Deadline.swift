/// A moment on the monotonic clock, which no clock step moves.
package struct Deadline: Comparable, Sendable {
  /// Nanoseconds on `CLOCK_MONOTONIC`.
  private let nanoseconds: UInt64

  /// The moment that is `duration` from now; a negative one counts as zero.
  package init(after duration: Duration) {
    nanoseconds = Self.now.addingSaturating(duration.nanoseconds)
  }

  /// What is left until the deadline; zero once it has passed.
  package var remaining: Duration {
    let now = Self.now
    return .nanoseconds(
      Int64(clamping: nanoseconds > now ? nanoseconds - now : 0))
  }

  /// What is left in milliseconds, rounded up, as epoll_wait(2) takes it.
  var remainingMilliseconds: Int32 {
    let now = Self.now
    if nanoseconds <= now { return 0 }
    return Int32(clamping: (nanoseconds - now - 1) / 1_000_000 + 1)
  }

  /// The moment as pthread_cond_timedwait(3) takes it.
  var systemTime: timespec { Duration.nanoseconds(nanoseconds).timespec }

  /// Whether the deadline has passed.
  package var hasPassed: Bool { Self.now >= nanoseconds }

  package static func < (one: Deadline, other: Deadline) -> Bool {
    one.nanoseconds < other.nanoseconds
  }

  private static var now: UInt64 {
    var time = timespec()
    // clock_gettime(2) with this clock and a valid pointer cannot fail.
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// Nanoseconds since the machine started, the time that it was suspended
/// included (`CLOCK_BOOTTIME`).
package func nanosecondsSinceBoot() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_BOOTTIME, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Waits (nanosleep(2)).
package func pause(for duration: Duration) {
  var wanted = duration.timespec
  var left = timespec()
  while nanosleep(&wanted, &left) != 0, errno == EINTR { wanted = left }
}

extension Duration {
  /// The duration in whole nanoseconds, clamped to what a `UInt64` can say.
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

  /// The duration as the kernel's `timespec`, clamped to a hundred years, so
  /// that sums of a few of them cannot overflow.
  var timespec: timespec {
    let nanoseconds = min(self.nanoseconds, 100 * 366 * 86_400 * 1_000_000_000)
    return Glibc.timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000),
      tv_nsec: Int(nanoseconds % 1_000_000_000))
  }

  /// The duration as the kernel's `timeval`, rounded up, clamped as
  /// ``timespec`` is.
  ///
  /// A positive duration never comes out as zero, which `SO_RCVTIMEO` takes for
  /// "no limit".
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
