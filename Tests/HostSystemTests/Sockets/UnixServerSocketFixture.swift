import Foundation
import HostSystem
import SystemPackage
import TestSupport

/// Calls `body` with a path in a directory that exists during the call.
func withSocketPath(_ body: (String) throws -> Void) throws {
  let directory = try TemporaryDirectory()
  try withExtendedLifetime(directory) { try body(directory.file("socket")) }
}

extension UnixServerSocket {
  /// Listens at an address given as text.
  init(_ text: String, mode: UInt32 = 0o666) throws {
    guard let address = UnixAddress(text) else { throw Errno.invalidArgument }
    self = try UnixServerSocket(binding: address, mode: mode)
  }

  /// Accepts a client that has connected.
  func acceptClient() throws -> UnixConnection {
    guard let connection = try accept() else { throw Errno.wouldBlock }
    return connection
  }

  /// Whether a client that connects is the next one accepted.
  func serves() throws -> Bool {
    let client = try UnixClient(connectingTo: address.text)
    let connection = try acceptClient()
    try client.send("hello")
    return try connection.receive() == "hello"
  }
}

extension UnixConnection {
  /// The bytes that have arrived; `nil` if none have.
  ///
  /// - Parameter count: The maximum number.
  /// - Returns: The bytes as text, empty at the end of the connection.
  /// - Throws: The error of receiving them.
  func receive(atMost count: Int = 100) throws -> String? {
    var buffer = [UInt8](repeating: 0, count: count)
    let received = try buffer.withUnsafeMutableBytes { try peek(into: $0) }
    switch received {
    case .nothing: return nil
    case .end: return ""
    case .bytes(let count):
      discard(count)
      return String(decoding: buffer[..<count], as: UTF8.self)
    }
  }

  /// Sends a text.
  func send(_ text: String) -> Bool {
    Array(text.utf8).withUnsafeBytes { send($0) }
  }
}
