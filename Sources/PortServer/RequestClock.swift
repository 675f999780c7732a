import HostSystem

/// The time of the request that the server is answering.
///
/// The clock is read when the server turns to its clients, and after each reply,
/// which is when it turns to the next client. Everything that needs the time of a
/// request uses that reading.
final class RequestClock {
  /// Nanoseconds since boot.
  private(set) var now = nanosecondsSinceBoot()

  init() {}

  /// Reads the clock.
  ///
  /// - Returns: How many nanoseconds have passed since the reading before.
  @discardableResult
  func read() -> UInt64 {
    let before = now
    now = nanosecondsSinceBoot()
    return now - min(now, before)
  }
}
