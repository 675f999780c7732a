import Hummingbird
import HummingbirdCore
import Logging
import NIOPosix

extension Router<BasicRequestContext> {
  /// Serves the routes on a socket that is already bound, until the task is
  /// cancelled, and closes the socket.
  ///
  /// Hummingbird's `Application` always binds an address itself. This joins the
  /// parts below it: SwiftNIO's listener, and Hummingbird's HTTP/1 and router. It
  /// has none of the services of an `Application`.
  ///
  /// - Parameter socket: The descriptor of a socket that listens; it is closed at the
  ///   end.
  /// - Throws: What SwiftNIO throws if it cannot serve the socket.
  public func serve(on socket: CInt) async throws {
    let logger = Logger(label: "greeter")
    let responder = buildResponder()
    let http = HTTP1Channel(responder: { request, writer, channel in
      let context = BasicRequestContext(
        source: .init(channel: channel, logger: logger))
      let response = try await responder.respond(to: request, context: context)
      try await writer.write(response: response.head, body: response.body)
    })
    let server = try await ServerBootstrap(
      group: MultiThreadedEventLoopGroup.singleton
    ).bind(socket) { http.setup(channel: $0, logger: logger) }
    try await withThrowingDiscardingTaskGroup { group in
      try await server.executeThenClose { clients in
        for try await client in clients {
          group.addTask { await http.handle(value: client, logger: logger) }
        }
      }
    }
  }
}
