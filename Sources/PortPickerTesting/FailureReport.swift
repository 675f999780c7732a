import PortPicker
import ServerProcesses
import Synchronization
import Testing

/// Shows a server's output if a test fails.
final class FailureReport: Sendable {
  private let server: TestServer
  private let hasFailed = Atomic(false)

  init(of server: TestServer) {
    self.server = server
  }

  /// Notes an issue of the test; the first failure gets the last lines of the output.
  @Sendable func note(_ issue: Issue) -> Issue? {
    guard issue.isFailed,
      !hasFailed.exchange(true, ordering: .relaxed)
    else { return issue }
    var issue = issue
    issue.comments.append(lastLines)
    return issue
  }

  /// Attaches the output if the test has failed.
  ///
  /// - Parameter result: What the test returned or threw; an error is recorded as an
  ///   issue only later.
  func finish(_ result: Result<Void, any Error>) {
    switch result {
    case .success:
      guard hasFailed.load(ordering: .relaxed) else { return }
    case .failure(let error):
      // A test that cancels itself has not failed.
      if Task.isCancelled, !(error is CancellationError) { return }
      #if compiler(>=6.3)
      if !hasFailed.load(ordering: .relaxed) {
        Issue.record(lastLines, severity: .warning)
      }
      #endif
    }
    Attachment.record(
      server.process.output.bytes, named: "\(programName)-output.txt")
  }

  private var programName: String {
    let program = server.process.description.arguments.first ?? []
    let name = program.split(separator: UInt8(ascii: "/")).last ?? []
    return String(decoding: name, as: UTF8.self)
  }

  private var lastLines: Comment {
    let output = server.process.output
    return Comment(
      rawValue: "the server '\(server.process.description.commandLine)'"
        + (server.isRunning ? " is running" : " has ended")
        + output.quotation)
  }
}

extension Issue {
  /// Whether it makes the test fail.
  fileprivate var isFailed: Bool {
    #if compiler(>=6.3)
    isFailure
    #else
    !isKnown
    #endif
  }
}
