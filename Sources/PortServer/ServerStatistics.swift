import HostSystem
import PortProtocol

/// What a server has done so far.
struct ServerStatistics {
  /// Malformed requests.
  var clientRequestErrors = 0
  /// Requests that got no port.
  private(set) var deniedAllocations = 0
  /// The same, by reason.
  private var refusals: [VersionTwoError.Code: Int] = [:]
  /// How many ports the pool has.
  let portsManaged: Int
  /// Ports that were leased and given to a client.
  var totalAllocations = 0
  /// Ports that clients returned.
  var portsReturned = 0
  /// Valid requests, by version of the protocol.
  var versionOneRequests = 0
  var versionTwoRequests = 0
  /// Connections that were closed because the client took too long, or to make
  /// room for another.
  var rejectedConnections = 0
  /// How long requests for ports, and returns, took.
  var replyTimes = ReplyTimes()
  /// When the server started, in seconds since 1970.
  private let startTime = wallClockSeconds()

  init(portsManaged: Int) {
    self.portsManaged = portsManaged
  }

  /// Counts a request that got no port.
  mutating func count(_ denial: Denial) {
    deniedAllocations += 1
    refusals[denial.code, default: 0] += 1
  }

  /// How many requests got no port for each reason, one figure a line.
  var refusalLines: [String] {
    [
      VersionTwoError.Code.exhausted, .noSuchProcess, .notPermitted, .limit,
      .failed,
    ].map { "refused-\($0.name) \(refusals[$0, default: 0])" }
  }

  /// What it has counted that the original does not, one figure a line.
  var furtherLines: [String] {
    [
      "start-time \(startTime)", "requests-version-1 \(versionOneRequests)",
      "requests-version-2 \(versionTwoRequests)",
      "rejected-connections \(rejectedConnections)",
      "ports-returned \(portsReturned)",
    ] + replyTimes.lines
  }

  /// The original's figures, by its names and in its order, one a line.
  ///
  /// - Parameter portsChecked: How many ports were probed for the last request.
  /// - Returns: The lines; the last word of each is the figure.
  func lines(portsChecked: Int) -> [String] {
    [
      "client-request-errors \(clientRequestErrors)",
      "denied-allocations \(deniedAllocations)",
      "num-ports-managed \(portsManaged)",
      "num-ports-checked-for-last-request \(portsChecked)",
      "total-allocations \(totalAllocations)",
    ]
  }
}
