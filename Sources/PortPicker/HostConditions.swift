import HostSystem
import PortLeasing
import Synchronization
package import SystemPackage

/// What the sockets of a picked port are used for.
package enum SocketUse: Sendable {
  /// Nothing: they are closed, because the caller wants only a number.
  case none
  /// TCP and UDP stay bound, and TCP listens.
  case bound
  /// Like ``bound``, but only on the IPv4 loopback address.
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

/// Answers the questions that a search for ports has about this host.
///
/// If sockets are to be kept, it keeps the very sockets that showed that the port is
/// free, so that no other process can take the port in between. Only for the loopback
/// address it binds new ones, just as strictly.
final class HostConditions: LeaseConditions {
  private let use: SocketUse
  private let network: UInt64
  private var kept: [UInt16: KeptSockets] = [:]
  /// The host's TCP sockets when a port was first examined thoroughly.
  ///
  /// It serves all ports of a search.
  private var census: TCPSocketCensus?
  /// The network namespace of the first socket.
  private var seenNetwork: UInt64?

  /// - Parameters:
  ///   - use: What the sockets of a free port are kept for.
  ///   - network: The number of the expected network namespace. In another one, every
  ///     probe throws.
  init(keepingSocketsFor use: SocketUse, in network: UInt64) {
    self.use = use
    self.network = network
  }

  /// Whether this thread is in another network namespace.
  var isElsewhere: Bool {
    (seenNetwork ?? currentNetworkNamespaceCookie()) != network
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
    let census = census ?? TCPSocketCensus()
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

  /// The sockets of ports that were picked; none if they are not kept.
  func sockets(of ports: [UInt16]) -> [KeptSockets] {
    use == .none ? [] : ports.compactMap { kept[$0] }
  }

  /// Binds a port strictly, and keeps the sockets if they are needed.
  private func keepIfFree(_ port: UInt16) throws(Errno) -> PortStatus {
    // A search for consecutive ports can examine a port twice.
    if use != .none, kept[port] != nil { return .free }
    return try keep(port) { () throws(Errno) in
      let sockets = try PortSockets(binding: port)
      try checkNetwork(of: sockets)
      if use != .boundToLoopback { return sockets }
      // They have shown that the port is free on every address.
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

  /// Checks the network namespace of the first socket.
  private func checkNetwork(of sockets: borrowing PortSockets) throws(Errno) {
    if seenNetwork != nil { return }
    seenNetwork = sockets.networkNamespaceCookie
    if seenNetwork != network { throw .networkUnreachable }
  }
}

extension SocketUse {
  fileprivate var address: PortAddress {
    self == .boundToLoopback ? .loopback : .any
  }
}

/// The sockets of a picked port; they are closed with this value unless they are
/// released.
package final class KeptSockets: Sendable {
  private let tcp: FileDescriptor
  private let udp: FileDescriptor?
  /// Not a lock: a child made by fork(2) may close its copies of the sockets.
  private let isReleased = Atomic(false)

  /// How many connections may wait to be accepted; the kernel lowers it to
  /// `net.core.somaxconn`.
  private static let backlog: Int32 = 4096

  init(_ sockets: consuming PortSockets, for use: SocketUse) throws(Errno) {
    if use.listens { try sockets.tcp.listen(backlog: Self.backlog) }
    // Set now, it lets servers bind over a hold, but not over a listener: see
    // PortSocket.
    try sockets.tcp.allowAddressReuse()
    let (tcp, udp) = sockets.release()
    self.tcp = tcp
    // Only TCP is held.
    if use == .held {
      try? udp.close()
      self.udp = nil
    } else {
      self.udp = udp
    }
  }

  deinit {
    guard let sockets = release() else { return }
    try? sockets.tcp.close()
    try? sockets.udp?.close()
  }

  /// Hands the sockets over to the caller, once.
  ///
  /// - Returns: The TCP socket, and the UDP socket if the port is bound and
  ///   not only held; `nil` after the first call.
  package func release() -> (tcp: FileDescriptor, udp: FileDescriptor?)? {
    if isReleased.exchange(true, ordering: .acquiringAndReleasing) {
      return nil
    }
    return (tcp, udp)
  }
}

extension PortPickerError {
  /// A picked port has no sockets: a bug, reported instead of trapping.
  static let socketsNotKept = PortPickerError(
    .systemFailure,
    "the sockets of a picked port were lost; please report this as a bug")
}
