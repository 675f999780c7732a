import HostSystem
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
package import SystemPackage

/// A server of HTTP/1.1 that shows a ``Site``, on a thread of its own.
package final class HTTPSite: Sendable {
  /// Where it listens, as a URL.
  package let url: String
  private let group: MultiThreadedEventLoopGroup
  private let channel: any Channel

  /// Listens.
  ///
  /// - Parameters:
  ///   - site: What it shows.
  ///   - address: Where it listens.
  ///   - maxConnections: How many connections may be open; others are closed at once.
  /// - Throws: The error of socket(2), bind(2) or listen(2).
  package init(
    _ site: Site, at address: ListenAddress, maxConnections: Int
  ) throws(Errno) {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let count = ConnectionCount()
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 4096)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      // Fewer than the connections that are waiting, so that those that are open
      // are served meanwhile.
      .serverChannelOption(.maxMessagesPerRead, value: 64)
      .childChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { channel in
        count.open += 1
        channel.closeFuture.whenComplete { _ in count.open -= 1 }
        let isFull = count.open > maxConnections
        return channel.eventLoop.makeCompletedFuture {
          if isFull { throw Errno.tooManyOpenFiles }
          var limits = NIOHTTPDecoderLimitConfiguration()
          limits.maxHeaderFieldSize = 16 << 10
          limits.maxHeaderListSize = 32 << 10
          limits.maxHeaderFieldCount = 100
          let pipeline = channel.pipeline.syncOperations
          try pipeline.configureHTTPServerPipeline(
            withEncoderConfiguration: .init(),
            withDecoderLimitConfiguration: limits)
          try pipeline.addHandler(HTTPConnection(site, HTTPLimits()))
        }
      }
    do {
      channel = try bootstrap.bind(to: address.socketAddress).wait()
    } catch {
      try? group.syncShutdownGracefully()
      throw (error as? IOError).map { Errno(rawValue: $0.errnoCode) }
        ?? .invalidArgument
    }
    self.group = group
    let port = channel.localAddress?.port ?? Int(address.port)
    url = "http://\(address.urlHost):\(port)/"
  }

  /// Calls a function on the server's thread, again and again.
  ///
  /// - Parameters:
  ///   - interval: How long to wait in between.
  ///   - body: The function.
  package func every(
    _ interval: Duration, _ body: @escaping @Sendable () -> Void
  ) {
    channel.eventLoop.scheduleRepeatedTask(
      initialDelay: .zero, delay: .nanoseconds(Int64(interval.nanoseconds))
    ) { _ in body() }
  }

  /// Closes all connections and ends the thread.
  package func close() {
    try? group.syncShutdownGracefully()
  }
}

/// How many connections are open; its users are on one thread.
private final class ConnectionCount: Sendable {
  private let number = Atomic(0)

  var open: Int {
    get { number.load(ordering: .relaxed) }
    set { number.store(newValue, ordering: .relaxed) }
  }
}
