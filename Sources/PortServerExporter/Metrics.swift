import PortProtocol
import PortServerClient

/// The metrics of a port server.
///
/// No label contains a pid or a command. A figure that the server does not report,
/// because it is older, is left out.
package func metrics(of reading: ObservedServer.Reading) -> String {
  var text = MetricsText()
  text.add(
    "exporter_build_info", .gauge, "The version of the exporter.",
    [([("version", portPickerVersion)], "1")])
  text.add(
    "exporter_query_duration_seconds", .gauge,
    "How long the port server took to answer the exporter.",
    [([], seconds(microseconds: Int(clamping: reading.duration.microseconds)))])
  switch reading.result {
  case .success(let status):
    text.add("up", .gauge, "Whether the port server answers.", 1)
    text.add(status)
  case .failure(let error):
    text.add("up", .gauge, "Whether the port server answers.", 0)
    text.comment(error.description)
  }
  return text.text
}

extension Duration {
  /// The duration in whole microseconds.
  fileprivate var microseconds: Int64 {
    components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
  }
}

extension MetricsText {
  fileprivate mutating func add(_ status: ServerStatus) {
    let figures = status.statistics
    add(
      "build_info", .gauge, "The version of the port server.",
      [([("version", status.version)], "1")])
    add(
      "start_time_seconds", .gauge,
      "When the port server started, in seconds since 1970.",
      figures["start-time"])
    addPorts(figures)
    addRequests(figures)
    addReplyTimes(figures)
  }

  private mutating func addPorts(_ figures: [String: Int]) {
    add(
      "pool_ports", .gauge, "Ports in the pool.", figures["num-ports-managed"])
    add(
      "ports", .gauge,
      "Ports of the pool by state; those in use have no lease, but were in use "
        + "when the server last looked.",
      samples("state", ["leased", "in_use", "free"]) {
        figures["ports-\($0 == "in_use" ? "in-use" : $0)"]
      })
    add(
      "holders", .gauge, "Processes that hold ports.", figures["holders"])
    add(
      "users", .gauge, "Users who have requested ports that are leased.",
      figures["users"])
    let prefix = "ports-of-user-"
    add(
      "user_ports", .gauge,
      "Leased ports by the user who requested them; the ten users with most.",
      figures.compactMap { name, value in
        name.hasPrefix(prefix)
          ? (UInt32(name.dropFirst(prefix.count)), value) : nil
      }
      .compactMap { user, value in user.map { ($0, value) } }
      .sorted { $0.0 < $1.0 }
      .map { user, value in ([("uid", "\(user)")], "\(value)") })
    add(
      "ports_leased_total", .counter, "Ports given to clients.",
      figures["total-allocations"])
    add(
      "ports_returned_total", .counter, "Ports that clients returned.",
      figures["ports-returned"])
    add(
      "ports_reclaimed_total", .counter,
      "Ports of processes that ended while they held them.",
      figures["ports-reclaimed"])
    add(
      "holders_ended_total", .counter,
      "Processes that ended while they held ports.", figures["holders-ended"])
    add(
      "restarts_total", .counter,
      "How many times a server has taken over leases from the ledger.",
      figures["restarts"])
    add(
      "kept_leases", .gauge,
      "Leases of an earlier server that this one took over when it started.",
      figures["leases-kept"])
  }

  private mutating func addRequests(_ figures: [String: Int]) {
    add(
      "requests_total", .counter,
      "Valid requests by version of the protocol.",
      samples("version", ["1", "2"]) { figures["requests-version-\($0)"] })
    add(
      "request_errors_total", .counter, "Malformed requests.",
      figures["client-request-errors"])
    add(
      "refusals_total", .counter, "Requests that got no port, by reason.",
      samples(
        "reason",
        [
          "exhausted", "no-such-process", "not-permitted", "limit", "failed",
        ]
      ) { figures["refused-\($0)"] })
    add(
      "clients", .gauge,
      "Clients that are connected, without the exporter.", figures["clients"])
    add(
      "rejected_connections_total", .counter,
      "Connections that were closed because the client was too slow, or to make "
        + "room for another.", figures["rejected-connections"])
  }

  private mutating func addReplyTimes(_ figures: [String: Int]) {
    guard let count = figures["replies"],
      let sum = figures["reply-microseconds"]
    else { return }
    let prefix = "replies-within-"
    let buckets = figures.compactMap { name, value -> (Int, Int)? in
      guard name.hasPrefix(prefix), name.hasSuffix("us") else { return nil }
      return Int(name.dropFirst(prefix.count).dropLast(2)).map { ($0, value) }
    }
    .sorted { $0.0 < $1.0 }
    addHistogram(
      "request_duration_seconds",
      "How long requests for ports and returns took, from accepting the "
        + "connection to sending the reply.",
      buckets.map { (seconds(microseconds: $0.0), $0.1) }, count: count,
      sum: seconds(microseconds: sum))
  }

  /// The samples of a metric with one label.
  private func samples(
    _ label: String, _ values: [String], _ figure: (String) -> Int?
  ) -> [(labels: [(String, String)], value: String)] {
    values.compactMap { value in
      figure(value).map { ([(label, value)], "\($0)") }
    }
  }
}
