/// Nanoseconds since the machine started, including the time that it was suspended
/// (`CLOCK_BOOTTIME`).
package func nanosecondsSinceBoot() -> UInt64 {
  nanoseconds(on: CLOCK_BOOTTIME)
}

/// Nanoseconds on a clock.
///
/// clock_gettime(2) cannot fail for a clock that exists.
func nanoseconds(on clock: clockid_t) -> UInt64 {
  var time = timespec()
  clock_gettime(clock, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Seconds since 1970 on the wall clock (time(2)).
package func wallClockSeconds() -> Int64 { Int64(time(nil)) }

/// Pauses this thread (nanosleep(2)).
package func pause(for duration: Duration) {
  var wanted = duration.timespec
  var left = timespec()
  while nanosleep(&wanted, &left) != 0, errno == EINTR { wanted = left }
}

/// The local time in the format of RFC 3339, for people.
///
/// No decision depends on it.
package func wallClockTime() -> String {
  var now = time(nil)
  var fields = tm()
  localtime_r(&now, &fields)
  var text = [CChar](repeating: 0, count: 32)
  let count = strftime(&text, text.count, "%FT%T%z", &fields)
  return String(
    decoding: text[..<count].map { UInt8(truncatingIfNeeded: $0) },
    as: UTF8.self)
}
