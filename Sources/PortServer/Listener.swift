package import HostSystem

/// A socket that a server listens on.
package final class Listener {
  var socket: UnixServerSocket
  /// Whether the server hears of those who connect.
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
