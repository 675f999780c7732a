import HostSystem
package import PortServerClient

/// The port server that is watched.
///
/// It only asks for figures and leases; it cannot lease ports or return them.
package final class ObservedServer: Sendable {
  package let client: PortServerClient
  private let timeout: Duration
  private let summaries: SharedWork<Reading>
  private let leases: SharedWork<Result<ServedLeases, PortServerError>>

  /// What the server said about itself.
  package struct Reading: Sendable {
    /// Its figures, without leases, or why there are none.
    package var result: Result<ServerStatus, PortServerError>
    /// How long it took to answer.
    package var duration: Duration

    package init(
      result: Result<ServerStatus, PortServerError>, duration: Duration
    ) {
      self.result = result
      self.duration = duration
    }
  }

  /// - Parameters:
  ///   - client: The server.
  ///   - timeout: How long it may take to answer.
  package init(_ client: PortServerClient, timeout: Duration) {
    self.client = client
    self.timeout = timeout
    let threads = WaitingThreads()
    summaries = SharedWork(on: threads) {
      Self.reading(of: client, within: timeout)
    }
    leases = SharedWork(on: threads) {
      Result { () throws(PortServerError) in
        try client.occupancy(within: TimeLimit(timeout))
      }
    }
  }

  /// Asks for the server's figures.
  ///
  /// - Parameter deliver: Called with them on another thread, at the latest when
  ///   the timeout has passed.
  package func read(_ deliver: @escaping @Sendable (Reading) -> Void) {
    summaries.get(deliver)
  }

  /// Asks for the server's figures, and waits for them.
  package func readNow() -> Reading {
    Self.reading(of: client, within: timeout)
  }

  /// Asks for all leases; see ``read(_:)``.
  func readLeases(
    _ deliver:
      @escaping @Sendable (Result<ServedLeases, PortServerError>) -> Void
  ) {
    leases.get(deliver)
  }

  private static func reading(
    of client: PortServerClient, within timeout: Duration
  ) -> Reading {
    let clock = ContinuousClock()
    let start = clock.now
    let result = summary(of: client, within: timeout)
    return Reading(result: result, duration: clock.now - start)
  }

  private static func summary(
    of client: PortServerClient, within timeout: Duration
  ) -> Result<ServerStatus, PortServerError> {
    Result { () throws(PortServerError) in
      guard let status = try client.summary(within: TimeLimit(timeout)) else {
        throw client.tooOld(
          "has no figures; run the portserver of this project")
      }
      return status
    }
  }
}
