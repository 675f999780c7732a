import Foundation
import FoundationNetworking
import Greeter
import Hummingbird
import PortPicker
import Testing

@Suite struct GreeterTests {
  /// The simple way: the app binds the port, and nobody else can.
  ///
  /// Hummingbird sets `SO_REUSEADDR`, so it binds over the hold.
  @Test func applicationOnAHeldPort() async throws {
    let held = try await HeldPort()
    let port = held.port
    let (ready, isReady) = AsyncStream<Void>.makeStream()
    let app = Application(
      router: greeter(),
      configuration: .init(address: .hostname("127.0.0.1", port: port)),
      onServerRunning: { _ in isReady.finish() })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { isReady.finish() }
        try await app.run()
      }
      for await _ in ready {}
      let answer = try await hello(from: port)
      #expect(answer == "hello")
      group.cancelAll()
    }
    try await held.close()
  }

  /// The way without any gap: the socket that proved the port unused serves the app.
  @Test func routerOnABoundPort() async throws {
    try await withBoundPort(at: .loopback) { bound in
      let (socket, port) = (bound.takeTCP().rawValue, bound.port)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await greeter().serve(on: socket) }
        // The socket listens already: the request waits for the server.
        let answer = try await hello(from: port)
        #expect(answer == "hello")
        group.cancelAll()
      }
    }
  }
}

private func hello(from port: Int) async throws -> String {
  let url = try #require(URL(string: "http://127.0.0.1:\(port)/hello"))
  let (data, _) = try await URLSession.shared.data(from: url)
  return String(decoding: data, as: UTF8.self)
}
