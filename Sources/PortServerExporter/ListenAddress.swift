import NIOCore

/// An address of TCP to listen at: `127.0.0.1:9816`, `[::1]:9816`, `:9816` for every
/// address, or `localhost:9816`.
package struct ListenAddress: Sendable {
  let socketAddress: SocketAddress
  /// The port; 0 for one that the kernel chooses.
  package let port: UInt16

  /// Parses an address; `nil` if the text is not an address and a port.
  ///
  /// No names are looked up.
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      text[text.index(after: colon)...].allSatisfy(\.isASCII),
      let port = UInt16(text[text.index(after: colon)...]),
      text[text.index(after: colon)...].first?.isNumber == true
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    let address =
      switch host {
      case "": "::"
      case "localhost": "127.0.0.1"
      default: String(host)
      }
    guard
      let socketAddress = try? SocketAddress(
        ipAddress: address, port: Int(port))
    else { return nil }
    self.socketAddress = socketAddress
    self.port = port
  }

  /// Whether other hosts can reach it.
  package var isReachable: Bool { !socketAddress.isLoopback }

  /// The address as the host of a URL.
  var urlHost: String {
    let host = socketAddress.ipAddress ?? "localhost"
    return host.contains(":") ? "[\(host)]" : host
  }
}
