// What the excerpts of code in the documentation use and do not declare, so that
// scripts/docs can compile them.

import Foundation
import PortPicker
import SystemPackage

#if canImport(NIOPosix)
import NIOPosix

let group = MultiThreadedEventLoopGroup.singleton
#endif

/// A server that takes a socket.
struct Server: ~Copyable {
  init(_ bound: consuming BoundPort) {}
}

/// The reader's logger.
struct Log: Sendable {
  func warning(_ text: String) {}
}

/// The reader's list of servers.
final class Servers: Sendable {
  func append(_ server: consuming Server) {}
}

let logger = Log()
let servers = Servers()
nonisolated(unsafe) let child = Process()

func connect(to port: Int) async throws {}

func runServer(on port: Int) throws {}

func serve(on socket: FileDescriptor, port: Int) {}

func startServer(port: Int) {}

func test(port: Int) async throws {}
