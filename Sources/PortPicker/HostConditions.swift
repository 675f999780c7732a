import HostSystem
import PortLeasing
import Synchronization
package import SystemPackage

/// What a port's sockets are kept for after it was picked.
package enum SocketUse: Sendable {
  /// They are closed: the caller wants a number.
  case none
  /// TCP and UDP stay bound, and TCP listens.
  case bound
  /// As ``bound``, on the IPv4 loopback address alone.
  case boundToLoopback
  /// TCP stays bound and never listens: a soft hold.
  case held

  fileprivate var listens: Bool {
    switch self {
    case .none, .held: false
    case .bound, .boundToLoopback: true
    }
  }
}

/// The host, as a search for ports asks it.
///
/// Where a port's sockets are to be kept, the very sockets that showed that the
/// port is free are kept, so that there is no moment in between. For the loopback
/// address alone there have to be others, which are bound as strictly.
final class HostConditions: LeaseConditions {
  private let use: SocketUse
  private let network: UInt64
  private var kept: [UInt16: KeptSockets] = [:]
  /// What TCP sockets there were when a port was first looked at thoroughly.
  ///
  /// It answers for all ports of a search.
  private var census: TCPSocketCensus?
  /// The network namespace that the first socket was made in.
  private var seenNetwork: UInt64?

  /// - Parameters:
  ///   - use: What the sockets of a port that is free are kept for.
  ///   - network: The number of the network namespace that is meant. In another
  ///     no port is free: each is an error then.
  init(keepingSocketsFor use: SocketUse, in network: UInt64) {
    self.use = use
    self.network = network
  }

  /// Whether this thread is in another network namespace.
  var isElsewhere: Bool {
    (seenNetwork ?? currentNetworkNumber()) != network
  }

  func asker() throws(Errno) -> ProcessIdentity { try .current() }

  func isAlive(_ holder: ProcessIdentity) -> Bool {
    holder.isAlive
  }

  func isFree(_ port: UInt16) throws(Errno) -> Bool {
    try keepIfFree(port) == .free
  }

  func status(of port: UInt16) throws(Errno) -> PortStatus? {
    let quick = try keepIfFree(port)
    guard quick == .inUse else { return quick }
    // Where the kernel does not tell, no port counts as lingering.
    let census = census ?? (try? TCPSocketCensus()) ?? .unknown
    self.census = census
    guard try PortProbe.isLingering(port, by: census) else { return .inUse }
    if use == .none { return .lingering }
    return try keep(port) { () throws(Errno) in
      try PortSockets(
        reusing: port, at: use.address, backlog: use.listens ? 1 : nil)
    }
  }

  func drop(_ port: UInt16) {
    kept[port] = nil
  }

  /// The sockets of a port that was picked.
  func sockets(of port: UInt16) -> KeptSockets? {
    kept[port]
  }

  /// Binds a port strictly, and keeps the sockets if that is wanted.
  private func keepIfFree(_ port: UInt16) throws(Errno) -> PortStatus {
    // A search for ports in a row can come by twice.
    if kept[port] != nil { return .free }
    return try keep(port) { () throws(Errno) in
      let sockets = try PortSockets(binding: port)
      try look(at: sockets)
      if use != .boundToLoopback { return sockets }
      // That shows that the port is free on every address.
      sockets.close()
      return try PortSockets(binding: port, at: .loopback)
    }
  }

  private func keep(
    _ port: UInt16, _ bind: () throws(Errno) -> PortSockets
  ) throws(Errno) -> PortStatus {
    do throws(Errno) {
      let sockets = try bind()
      if use != .none { kept[port] = try KeptSockets(sockets, for: use) }
      return .free
    } catch {
      return try PortStatus(refusal: error)
    }
  }

  /// Looks which network namespace the first socket is of.
  private func look(at sockets: borrowing PortSockets) throws(Errno) {
    if seenNetwork != nil { return }
    seenNetwork = sockets.networkNumber
    if seenNetwork != network { throw .networkUnreachable }
  }
}

extension SocketUse {
  fileprivate var address: PortAddress {
    self == .boundToLoopback ? .loopback : .any
  }
}

/// The sockets that are kept of a port; they are closed with this value unless
/// they are released.
package final class KeptSockets: Sendable {
  private struct State: ~Copyable {
    var tcp: Descriptor?
    var udp: Descriptor?
  }

  private let state: Mutex<State>

  /// How many connections may wait to be accepted; the kernel lowers it to
  /// `net.core.somaxconn`.
  private static let backlog: Int32 = 4096

  init(_ sockets: consuming PortSockets, for use: SocketUse) throws(Errno) {
    if use.listens { try sockets.tcp.listen(backlog: Self.backlog) }
    // From here on this lets others bind over a hold, and nobody over a
    // listener: see PortSocket.
    try sockets.tcp.allowAddressReuse()
    let (tcp, udp) = sockets.release()
    var state = State(
      tcp: Descriptor(owning: tcp), udp: Descriptor(owning: udp))
    // Only TCP is held.
    if use == .held { state.udp = nil }
    self.state = Mutex(state)
  }

  /// Hands the sockets over, once.
  ///
  /// - Returns: The TCP socket, and the UDP socket if the port is bound and
  ///   not only held; `nil` after the first call.
  package func release() -> (tcp: FileDescriptor, udp: FileDescriptor?)? {
    state.withLock { state in
      guard let tcp = state.tcp.take()?.release() else { return nil }
      return (tcp, state.udp.take()?.release())
    }
  }
}

extension PortPickerError {
  /// A picked port whose sockets are not there: a mistake of ours, said rather
  /// than trapped on.
  static let socketsNotKept = PortPickerError(
    .systemFailure,
    "the sockets of a picked port were lost; please report this as a bug")
}
