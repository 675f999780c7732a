package import HostSystem

/// A socket that a server listens on.
package final class Listener {
  var socket: UnixServerSocket
  /// Whether epoll reports new clients.
  var isWatched = false

  package init(_ socket: consuming UnixServerSocket) {
    self.socket = socket
  }

  /// Where it listens.
  package var address: UnixAddress { socket.address }

  /// See ``UnixServerSocket/removeFile()``.
  package func removeFile() {
    socket.removeFile()
  }
}
