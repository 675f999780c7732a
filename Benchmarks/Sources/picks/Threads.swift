import Dispatch
import Foundation

/// Runs something on so many threads at once, and waits for them.
///
/// A single thread is the main thread, as in bare-picks: system calls that use descriptors
/// take longer in a process with several threads.
func onThreads(_ count: Int, _ body: @escaping @Sendable () -> Void) {
  if count == 1 { return body() }
  let group = DispatchGroup()
  for _ in 0..<count {
    group.enter()
    Thread {
      body()
      group.leave()
    }.start()
  }
  group.wait()
}
