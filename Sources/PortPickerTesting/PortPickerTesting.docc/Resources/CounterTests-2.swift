import PortPickerTesting
import Testing

@Test(.server("redis-server", "--port", "{port}", "--save", ""))
func counts() throws {
  let server = try #require(TestServer.current)
  #expect(try redis(server.port, "INCR", "visits") == "1")
  #expect(try redis(server.port, "INCR", "visits") == "2")
}
