import PortProtocol

/// What a server has done so far.
struct ServerStatistics {
  /// Requests that were none.
  var clientRequestErrors = 0
  /// Requests that got no port.
  private(set) var deniedAllocations = 0
  /// The same by the reason.
  private var refusals: [VersionTwoError.Code: Int] = [:]
  /// How many ports the pool has.
  let portsManaged: Int
  /// How many ports were looked at for the last request.
  var portsCheckedForLastRequest = 0
  /// Ports that were leased and given to a client.
  var totalAllocations = 0

  init(portsManaged: Int) {
    self.portsManaged = portsManaged
  }

  /// Counts a request that got no port.
  mutating func count(_ denial: Denial) {
    deniedAllocations += 1
    refusals[denial.code, default: 0] += 1
  }

  /// How many requests got no port for each reason, one line a figure.
  var refusalLines: [String] {
    [
      VersionTwoError.Code.exhausted, .noSuchProcess, .notPermitted, .limit,
      .failed,
    ].map { "refused-\($0.name) \(refusals[$0, default: 0])" }
  }

  /// One line a figure, by the original's names and in its order; the figure is
  /// the last word.
  var lines: [String] {
    [
      "client-request-errors \(clientRequestErrors)",
      "denied-allocations \(deniedAllocations)",
      "num-ports-managed \(portsManaged)",
      "num-ports-checked-for-last-request \(portsCheckedForLastRequest)",
      "total-allocations \(totalAllocations)",
    ]
  }
}
