import NIOCore
import NIOPosix

/// A TCP server that sends back what it receives.
public struct EchoServer: Sendable {
  private let channel: any Channel

  /// Serves a socket that is already bound.
  ///
  /// SwiftNIO takes it over and closes it with the channel.
  ///
  /// - Parameter socket: The socket's descriptor.
  /// - Throws: What SwiftNIO throws if it cannot serve the socket.
  public init(on socket: CInt) async throws {
    channel = try await Self.bootstrap.withBoundSocket(socket).get()
  }

  /// Serves a port of 127.0.0.1.
  ///
  /// - Parameter port: The port.
  /// - Throws: What SwiftNIO throws if it cannot bind the port.
  public init(port: Int) async throws {
    channel = try await Self.bootstrap
      .bind(host: "127.0.0.1", port: port).get()
  }

  /// Closes the socket.
  ///
  /// - Throws: What SwiftNIO throws if the socket cannot be closed.
  public func close() async throws {
    try await channel.close()
  }

  /// Waits until the socket is closed.
  ///
  /// - Throws: What SwiftNIO throws if the server fails.
  public func run() async throws {
    try await channel.closeFuture.get()
  }

  private static var bootstrap: ServerBootstrap {
    ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { $0.pipeline.addHandler(Echo()) }
  }
}

private final class Echo: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    context.writeAndFlush(data, promise: nil)
  }
}
