import NIOCore
import NIOPosix

/// Sends a text to an echo server, and returns as many bytes as it sent.
func echo(_ text: String, from port: Int) async throws -> String {
  let client = try await ClientBootstrap(
    group: MultiThreadedEventLoopGroup.singleton
  ).connect(host: "127.0.0.1", port: port) { channel in
    channel.eventLoop.makeCompletedFuture {
      try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
        wrappingChannelSynchronously: channel)
    }
  }
  return try await client.executeThenClose { inbound, outbound in
    try await outbound.write(ByteBuffer(string: text))
    var answer = ""
    for try await part in inbound {
      answer += String(buffer: part)
      if answer.utf8.count >= text.utf8.count { break }
    }
    return answer
  }
}
