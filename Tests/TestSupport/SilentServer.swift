import Foundation
import Glibc
import Synchronization

/// A port server that accepts connections and never sends anything.
package final class SilentServer: Sendable {
  package let address: String
  private let listener: Int32
  private let connections = Mutex<[Int32]>([])

  /// Listens at an abstract address.
  package init() throws {
    address = "@portpicker-test-\(UUID().uuidString)"
    listener = socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let listener = listener
    let isBound = withUnixAddress(address) {
      bind(listener, $0, $1) == 0 && listen(listener, 4096) == 0
    }
    guard isBound else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
  }

  deinit {
    for connection in connections.withLock({ $0 }) { close(connection) }
    close(listener)
  }

  /// Accepts a number of connections, on a thread of its own.
  package func accept(_ count: Int) async {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        for _ in 0..<count {
          let connection = Glibc.accept(self.listener, nil, nil)
          self.connections.withLock { $0.append(connection) }
        }
        continuation.resume()
      }
    }
  }

  /// Ends all connections, including future ones.
  package func end() {
    // Connections that wait to be accepted end as well.
    shutdown(listener, Int32(SHUT_RDWR))
    for connection in connections.withLock({ $0 }) {
      shutdown(connection, Int32(SHUT_RDWR))
    }
    var connection: Int32
    repeat {
      connection = Glibc.accept(listener, nil, nil)
      if connection >= 0 { close(connection) }
    } while connection >= 0
  }
}
