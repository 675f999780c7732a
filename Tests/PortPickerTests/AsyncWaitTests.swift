import HostSystem
import PortPicker
import TestSupport
import Testing

/// Waiting must not keep the threads that tasks run on.
@Suite(.alone) struct AsyncWaitTests {
  @Test(arguments: [40, WaitingThreads.maximum + 16])
  func tasksRunWhileOthersAwaitASilentServer(count: Int) async throws {
    let server = try SilentServer()
    let address = server.address
    try await withThrowingTaskGroup(of: PortPickerError.Code?.self) { group in
      for _ in 0..<count {
        group.addTask {
          do {
            _ = try await pickPort(fromServerAt: address, timeout: .seconds(20))
            return nil
          } catch {
            return (error as? PortPickerError)?.code
          }
        }
      }
      // As many as can wait at once.
      await server.accept(min(count, WaitingThreads.maximum))
      // This very task is the unrelated one: it runs, and only what it does now
      // ends their waiting.
      server.end()
      for try await code in group { #expect(code != .serverTimedOut) }
    }
  }
}
