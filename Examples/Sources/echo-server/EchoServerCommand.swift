import EchoServer
import Foundation

/// A command-line tool: an echo server on the port that its argument names.
@main struct EchoServerCommand {
  static func main() async {
    let arguments = CommandLine.arguments.dropFirst()
    guard arguments.count == 1, let port = arguments.first.flatMap(Int.init)
    else {
      end("usage: echo-server PORT", status: 64)
    }
    do {
      try await EchoServer(port: port).run()
    } catch {
      end("echo-server: cannot serve port \(port): \(error)", status: 1)
    }
  }

  private static func end(_ message: String, status: Int32) -> Never {
    FileHandle.standardError.write(Data("\(message)\n".utf8))
    exit(status)
  }
}
