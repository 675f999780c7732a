import Foundation

/// Sends a command to the Redis server on a port, and returns the answer.
func redis(_ port: Int, _ command: String...) throws -> String {
  let cli = Process()
  cli.executableURL = URL(filePath: "/usr/bin/redis-cli")
  cli.arguments = ["-h", "127.0.0.1", "-p", "\(port)"] + command
  let output = Pipe()
  cli.standardOutput = output
  try cli.run()
  let answer = try output.fileHandleForReading.readToEnd() ?? Data()
  cli.waitUntilExit()
  return String(decoding: answer, as: UTF8.self)
    .trimmingCharacters(in: .newlines)
}
