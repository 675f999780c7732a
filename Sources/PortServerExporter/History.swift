import HostSystem
import PortServerClient
import Synchronization

/// What the server's figures were during the last hour.
package final class History: Sendable {
  /// The figures at one moment.
  struct Sample: Hashable, Sendable {
    /// In seconds since boot.
    var time: Int
    /// Ports that are leased; `nil` if the server did not answer.
    var leased: Int?
    /// Requests that were refused since the sample before.
    var refused: Int
  }

  /// How long samples are kept, in seconds.
  static let length = 3600

  private struct State {
    var samples: [Sample] = []
    /// How many requests the server had refused at the last sample.
    var refused: Int?
  }

  private let state = Mutex(State())

  package init() {}

  /// Adds what the server has said now.
  package func add(_ reading: ObservedServer.Reading) {
    add(
      (try? reading.result.get())?.statistics,
      at: Int(nanosecondsSinceBoot() / 1_000_000_000))
  }

  /// Adds figures.
  ///
  /// - Parameters:
  ///   - figures: The figures; `nil` if there are none.
  ///   - time: When, in seconds since boot.
  func add(_ figures: [String: Int]?, at time: Int) {
    state.withLock { state in
      let refused = figures?["denied-allocations"]
      var new = 0
      if let refused {
        // A server that was restarted counts from zero.
        new = refused - (state.refused ?? refused)
        if new < 0 { new = refused }
        state.refused = refused
      }
      state.samples.append(
        Sample(time: time, leased: figures?["ports-leased"], refused: new))
      let start = time - Self.length
      state.samples.removeAll { $0.time < start }
    }
  }

  /// The samples, the oldest first.
  var samples: [Sample] { state.withLock { $0.samples } }

  /// The samples, and what the server has said now.
  func samples(until reading: ObservedServer.Reading) -> [Sample] {
    let figures = (try? reading.result.get())?.statistics
    let now = Sample(
      time: Int(nanosecondsSinceBoot() / 1_000_000_000),
      leased: figures?["ports-leased"], refused: 0)
    return samples + [now]
  }
}
