import Synchronization
package import Testing

/// Runs a test while no other test with this trait runs.
///
/// Descriptors belong to the whole process. Between fork(2) and execve(2), a program
/// that one test starts has copies of another test's sockets, so that a port that was
/// just closed is still in use. Tests that start programs, and tests that check whether
/// a port is free, therefore have this trait.
package struct Alone: SuiteTrait, TestTrait, TestScoping {
  package let isRecursive = true

  package func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    await turn.take()
    defer { turn.pass() }
    try await function()
  }
}

extension Trait where Self == Alone {
  /// See ``Alone``.
  package static var alone: Self { Alone() }
}

private let turn = Turn()

/// A lock that is granted in the order of the requests.
private final class Turn: Sendable {
  private struct State {
    var isTaken = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  func take() async {
    await withCheckedContinuation { continuation in
      let isMine = state.withLock { state in
        if state.isTaken {
          state.waiting.append(continuation)
          return false
        }
        state.isTaken = true
        return true
      }
      if isMine { continuation.resume() }
    }
  }

  func pass() {
    let next = state.withLock { state in
      if state.waiting.isEmpty {
        state.isTaken = false
        return nil as CheckedContinuation<Void, Never>?
      }
      return state.waiting.removeFirst()
    }
    next?.resume()
  }
}
