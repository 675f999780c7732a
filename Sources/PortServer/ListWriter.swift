import HostSystem
import PortLeasing
import PortProtocol

/// A list that is sent in parts, so that a long one delays nobody.
struct List {
  /// What is left of it.
  enum Rest {
    /// The leases from a port on.
    case leases(from: Int)
    /// The leases of these ports.
    case leasesOf(ArraySlice<UInt16>)
    /// The ranges of ports in use from a port on.
    case portsInUse(from: Int)
    /// These ranges of the pool.
    case pool(ArraySlice<ClosedRange<UInt16>>)
    case none
  }

  var rest: Rest
  /// How many lines have been sent.
  var count = 0
}

/// Makes the lines of lists, part by part.
struct ListWriter {
  private let book: LeaseBook
  private let ranges: [ClosedRange<UInt16>]
  private let rights: Rights
  /// Whether `/proc` hides processes, and until when that is believed.
  private var hiding: (isOn: Bool, until: Deadline)?

  /// How many lines a part has.
  private static let batch = 16

  init(of book: LeaseBook, pool: PortPool, _ rights: Rights) {
    self.book = book
    ranges = pool.ranges
    self.rights = rights
  }

  /// The pool's ranges.
  var pool: List { List(rest: .pool(ranges[...])) }

  /// The bytes of a short list.
  static func whole(_ lines: [String]) -> [UInt8] {
    Array((lines.map { asciiLine($0) } + [end(lines.count)]).joined())
  }

  /// The line that ends a list.
  private static func end(_ count: Int) -> [UInt8] {
    VersionTwoReply.ok(["\(count)"])
  }

  /// The bytes of a list's next part, and the list without it; `nil` if that was
  /// the last one.
  mutating func nextPart(
    of list: List, for user: UInt32
  ) -> (bytes: [UInt8], rest: List?) {
    var (lines, rest) = nextLines(of: list.rest, for: user)
    let count = list.count + lines.count
    if case .none = rest {
      lines.append(Self.end(count))
      return (Array(lines.joined()), nil)
    }
    return (Array(lines.joined()), List(rest: rest, count: count))
  }

  private mutating func nextLines(
    of rest: List.Rest, for user: UInt32
  ) -> ([[UInt8]], List.Rest) {
    let limit = Self.batch
    switch rest {
    case .none:
      return ([], .none)
    case .pool(let ranges):
      return (
        lines(of: ranges.prefix(limit)),
        ranges.count > limit ? .pool(ranges.dropFirst(limit)) : .none
      )
    case .portsInUse(let first):
      let ranges = book.portsInUse(from: first, atMost: limit)
      let next =
        ranges.count == limit
        ? ranges.last.map { List.Rest.portsInUse(from: Int($0.upperBound) + 1) }
        : nil
      return (lines(of: ranges[...]), next ?? .none)
    case .leases(let first):
      let leases = book.leases(from: first, atMost: limit)
      let next =
        leases.count == limit
        ? leases.last.map { List.Rest.leases(from: Int($0.port) + 1) } : nil
      return (lines(of: leases, for: user), next ?? .none)
    case .leasesOf(let ports):
      let leases = ports.prefix(limit).compactMap { port in
        book.lease(of: port).map { (port: port, lease: $0) }
      }
      return (
        lines(of: leases, for: user),
        ports.count > limit ? .leasesOf(ports.dropFirst(limit)) : .none
      )
    }
  }

  private func lines(of ranges: ArraySlice<ClosedRange<UInt16>>) -> [[UInt8]] {
    ranges.map { asciiLine("\($0.lowerBound)-\($0.upperBound)") }
  }

  private mutating func lines(
    of leases: [(port: UInt16, lease: Lease)], for user: UInt32
  ) -> [[UInt8]] {
    let now = nanosecondsSinceBoot()
    // What the system hides from a user, the server hides too.
    let showsAll = !hidesProcesses() || rights.mayDoAll(user)
    var names: [Int32: String] = [:]
    return leases.map { port, lease in
      let pid = lease.holder.pid
      let maySee = showsAll || user == lease.user
      let name = maySee ? names[pid] ?? processName(ofProcess: pid) : "?"
      if maySee { names[pid] = name }
      let age = now - min(now, lease.leasedAt)
      return LeaseLine(
        port: port, pid: pid, user: lease.user, age: Int(age / 100_000_000),
        command: name
      ).bytes
    }
  }

  /// Whether `/proc` hides processes, as of the last second.
  private mutating func hidesProcesses() -> Bool {
    if let hiding, !hiding.until.hasPassed { return hiding.isOn }
    let isOn = procHidesProcesses()
    hiding = (isOn, Deadline(after: .seconds(1)))
    return isOn
  }
}
