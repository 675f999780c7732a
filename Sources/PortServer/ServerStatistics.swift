/// What a server has done so far.
struct ServerStatistics {
  /// Requests that were none.
  var clientRequestErrors = 0
  /// Requests that got no port.
  var deniedAllocations = 0
  /// How many ports the pool has.
  let portsManaged: Int
  /// How many ports were looked at for the last request.
  var portsCheckedForLastRequest = 0
  /// Ports that were leased and given to a client.
  var totalAllocations = 0

  init(portsManaged: Int) {
    self.portsManaged = portsManaged
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
