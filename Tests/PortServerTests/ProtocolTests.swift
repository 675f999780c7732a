import Foundation
import TestSupport
import Testing

/// What a client sends, and what it gets.
@Suite(.alone) struct ProtocolTests {
  private let server: RunningServer

  init() throws {
    server = try RunningServer(pool: try unusedTestPool(4))
  }

  @Test(arguments: [
    "PID\n", "PID\r\n", " \t PID \n", "\nPID\n", "+PID\n", "000PID\n",
  ])
  func aRequestAsPythonReadsOne(form: String) throws {
    let request = form.replacingOccurrences(of: "PID", with: "\(getpid())")
    let reply = try server.reply(to: request)
    #expect(reply.hasSuffix("\n"))
    #expect(Int(reply.dropLast()) != nil)
  }
}
