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
  /// TCP stays bound and never listens: a soft hold.
  case held
}

/// The host, as a search for ports asks it.
///
/// Where a port's sockets are to be kept, the very sockets that showed that the
/// port is free are kept, so that there is no moment in between.
final class HostConditions: LeaseConditions {
  private let use: SocketUse
  private var kept: [UInt16: KeptSockets] = [:]
  /// What TCP sockets there were when a port was first looked at thoroughly.
  ///
  /// It answers for all ports of a search.
  private var census: TCPSocketCensus?

  init(keepingSocketsFor use: SocketUse) {
    self.use = use
  }

  func isAlive(_ holder: ProcessIdentity) -> Bool {
    holder.isAlive
  }

  func isFree(_ port: UInt16) throws(Errno) -> Bool {
    if use == .none { return try PortProbe.isFree(port) }
    return try keepIfFree(port) == .free
  }

  func status(of port: UInt16) throws(Errno) -> PortStatus? {
    let quick =
      use == .none ? try PortProbe.quickStatus(of: port) : try keepIfFree(port)
    guard quick == .inUse else { return quick }
    // Where the kernel does not tell, no port counts as lingering.
    let census = census ?? (try? TCPSocketCensus()) ?? .unknown
    self.census = census
    guard try PortProbe.isLingering(port, by: census) else { return .inUse }
    if use == .none { return .lingering }
    return try keep(port) { () throws(Errno) in
      try PortSockets(reusing: port, backlog: use == .bound ? 1 : nil)
    }
  }

  func drop(_ port: UInt16) {
    kept[port] = nil
  }

  /// The sockets of a port that was picked.
  func sockets(of port: UInt16) -> KeptSockets? {
    kept[port]
  }

  private func keepIfFree(_ port: UInt16) throws(Errno) -> PortStatus {
    // A search for ports in a row can come by twice.
    if kept[port] != nil { return .free }
    return try keep(port) { () throws(Errno) in
      try PortSockets(binding: port)
    }
  }

  private func keep(
    _ port: UInt16, _ bind: () throws(Errno) -> PortSockets
  ) throws(Errno) -> PortStatus {
    do throws(Errno) {
      kept[port] = try KeptSockets(try bind(), for: use)
      return .free
    } catch {
      return try PortStatus(refusal: error)
    }
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
    if use == .bound { try sockets.tcp.listen(backlog: Self.backlog) }
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
