import Foundation
import PortPickerTesting
import Testing

private let hasRedis =
  FileManager.default.isExecutableFile(atPath: "/usr/bin/redis-server")

@Suite(
  .enabled(if: hasRedis, "install redis-server"),
  .server("redis-server", "--port", "{port}", "--save", "", shared: true))
struct CounterTests {
  let server: TestServer

  init() throws {
    server = try #require(TestServer.current)
  }

  @Test func counts() throws {
    #expect(try redis(server.port, "INCR", "visits") == "1")
    #expect(try redis(server.port, "INCR", "visits") == "2")
  }

  @Test func beginsAtZero() throws {
    #expect(try redis(server.port, "INCRBY", "orders", "0") == "0")
  }
}
