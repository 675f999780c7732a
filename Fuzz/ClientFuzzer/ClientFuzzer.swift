import HostSystem
import Logging
import PortLeasing
import SystemPackage

@testable import PortServer

/// Drives a whole server, turn by turn, with clients that connect, send pieces of
/// anything, finish and close, in any order.
///
/// Each byte of libFuzzer's input is a step. The lowest three bits are the action, the
/// next two the client. libFuzzer has the `main` that calls this.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzClients(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  FuzzedServer.shared.run(UnsafeBufferPointer(start: bytes, count: count))
  return 0
}

/// A server in this process, and its clients.
private final class FuzzedServer {
  nonisolated(unsafe) static let shared = FuzzedServer()

  private let address: String
  private let server: PortServer
  private var clients = [Int32](repeating: -1, count: 4)
  private var connections = 0
  private var lines = 0

  private init() {
    do {
      address = "@portserver-fuzzer-\(getpid())"
      guard let place = UnixAddress(address) else { exit(70) }
      var options = ServerOptions(pool: PortPool([20000...20009]))
      options.maxClients = 3
      options.requestPause = .zero
      let silent = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
      server = try PortServer(
        listeningOn: [
          Listener(try UnixServerSocket(binding: place, mode: 0o600))
        ],
        options: options, ledger: nil, signals: SignalQueue(), log: silent)
      try server.start()
    } catch {
      print("the server does not start: \(error)")
      exit(70)
    }
  }

  func run(_ bytes: UnsafeBufferPointer<UInt8>) {
    var rest = bytes[...]
    while let step = rest.popFirst() {
      let index = Int(step >> 3 & 3)
      switch step & 7 {
      case 0: connect(index)
      case 1:
        let count = Int(rest.popFirst() ?? 0)
        send(Array(rest.prefix(count)), index)
        rest = rest.dropFirst(count)
      case 2: shutdown(clients[index], Int32(SHUT_WR))
      case 3: disconnect(index)
      case 4: send(Array("\(getpid())\n".utf8), index)
      case 5: send(Array("\(getpid())".utf8), index)
      case 6: receive(index)
      default: turn()
      }
    }
    for index in clients.indices { disconnect(index) }
    // Waiting clients are accepted when earlier ones have disconnected, and what has
    // arrived is answered in later turns.
    for _ in 0..<100 where server.hasClients { turn() }
    for _ in 0..<6 { turn() }
    check()
  }

  /// Checks what must be true, whatever clients do.
  private func check() {
    let counted = server.statistics
    precondition(!server.hasClients, "a client that has disconnected is kept")
    precondition(
      counted.clientRequestErrors + counted.deniedAllocations
        <= connections + lines,
      "a request is counted twice")
    precondition(
      server.usage.leased <= counted.totalAllocations,
      "a port is leased that no client got")
  }

  private func connect(_ index: Int) {
    if clients[index] >= 0 { return }
    let client = socket(
      AF_UNIX,
      Int32(
        SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue),
      0)
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &name.sun_path) {
      $0.dropFirst().copyBytes(from: address.utf8.dropFirst())
    }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + address.utf8.count)
    let result = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(client, $0, length)
      }
    }
    precondition(result == 0, "the server does not listen")
    clients[index] = client
    connections += 1
  }

  private func send(_ bytes: [UInt8], _ index: Int) {
    lines += bytes.count { $0 == UInt8(ascii: "\n") }
    _ = Glibc.send(clients[index], bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  private func receive(_ index: Int) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    _ = recv(clients[index], &buffer, buffer.count, 0)
  }

  private func disconnect(_ index: Int) {
    if clients[index] >= 0 { close(clients[index]) }
    clients[index] = -1
  }

  private func turn() {
    do {
      try server.turn(until: Deadline(after: .zero))
    } catch {
      preconditionFailure("a turn fails: \(error)")
    }
  }
}
