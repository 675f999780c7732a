import Glibc
import NIOCore
import NIOPosix
import PortPicker

/// A SwiftNIO server on a port that is bound before the server starts.
///
/// SwiftNIO takes over the socket and closes it with the channel, so it must get it
/// from `takeTCP()`. Until the scope ends, the port stays leased to this process, and
/// its UDP socket stays bound.
@main struct NIOServer {
  static func main() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let (port, stranger) = try await withBoundPort(at: .loopback) { bound in
      let server = try await ServerBootstrap(group: group)
        .childChannelInitializer { $0.pipeline.addHandler(Echo()) }
        .withBoundSocket(bound.takeTCP().rawValue).get()

      let reply = group.any().makePromise(of: String.self)
      let client = try await ClientBootstrap(group: group)
        .channelInitializer { $0.pipeline.addHandler(FirstLine(reply)) }
        .connect(host: "127.0.0.1", port: bound.port).get()
      try await client.writeAndFlush(ByteBuffer(string: "hello\n"))
      let text = try await reply.futureResult.get()
      guard text == "hello\n" else { fail("the server said '\(text)'") }
      try await client.close()

      try await server.close()
      // The next descriptor gets the number of the closed socket. Closing the socket
      // a second time would close that descriptor.
      return (bound.port, dup(STDERR_FILENO))
    }
    guard fcntl(stranger, F_GETFD) >= 0 else {
      fail("a socket was closed twice")
    }
    guard try await !returnPort(port), try isPortFree(port) else {
      fail("port \(port) was not given back")
    }
    print("port \(port) was served by SwiftNIO and given back")
  }
}

/// Echoes what it receives.
private final class Echo: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    context.writeAndFlush(data, promise: nil)
  }
}

/// Waits for a line.
private final class FirstLine: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let line: EventLoopPromise<String>
  private var text = ""

  init(_ line: EventLoopPromise<String>) {
    self.line = line
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    text += String(buffer: unwrapInboundIn(data))
    if text.hasSuffix("\n") { line.succeed(text) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    line.fail(ChannelError.eof)
  }
}

private func fail(_ text: String) -> Never {
  print("NIOServer: \(text)")
  exit(1)
}
