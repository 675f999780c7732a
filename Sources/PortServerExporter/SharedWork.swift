import HostSystem
import Synchronization

/// Work that blocks, whose result everybody shares who asks while it is done.
///
/// At any moment, one thread does it at most, however many ask.
final class SharedWork<Value: Sendable>: Sendable {
  private let threads: WaitingThreads
  private let work: @Sendable () -> Value
  /// Who waits for the result; `nil` if the work is not being done.
  private let waiting = Mutex<[@Sendable (Value) -> Void]?>(nil)

  /// - Parameters:
  ///   - threads: Where the work is done.
  ///   - work: The work.
  init(on threads: WaitingThreads, _ work: @escaping @Sendable () -> Value) {
    self.threads = threads
    self.work = work
  }

  /// Does the work, or waits until it is done.
  ///
  /// - Parameter deliver: Called with the result, on any thread.
  func get(_ deliver: @escaping @Sendable (Value) -> Void) {
    let isFirst = waiting.withLock { waiting in
      if waiting == nil {
        waiting = [deliver]
        return true
      }
      waiting?.append(deliver)
      return false
    }
    if !isFirst { return }
    do {
      try threads.run { self.doWork() }
    } catch {
      // No thread is available. The work has a time limit.
      doWork()
    }
  }

  private func doWork() {
    let value = work()
    let receivers = waiting.withLock { waiting in
      defer { waiting = nil }
      return waiting ?? []
    }
    for receiver in receivers { receiver(value) }
  }
}
