import Foundation
import HostSystem
import Synchronization
import TestSupport
import Testing

/// The number of signals that the handler has received.
private let signalCount = Atomic<Int>(0)

@Suite(.alone) struct UnixStreamSignalTests {
  @Test func signalDoesNotEndAReceive() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = directory.file("socket")
      let address = try #require(UnixAddress(path))
      let listener = try UnixListener(path)
      let stream = try UnixStream.connect(
        to: address, deadline: Deadline(after: .seconds(3600)))

      #expect(signalCount.load(ordering: .relaxed) == 0)
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { _ in
        signalCount.add(1, ordering: .relaxed)
      }
      sigemptyset(&action.sa_mask)
      // SA_RESTART would hide the signal from the call.
      action.sa_flags = 0
      try systemCall { sigaction(SIGUSR2, &action, nil) }

      unblockSignals(SIGUSR2)
      let receiver = pthread_self()
      let thread = try FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/thread-self")
      let status = "/proc/\(thread)/stat"
      Thread.detachNewThread {
        for number in 1...20 {
          // The receiver only receives, so it sleeps in recv(2).
          while !isSleeping(status) { sched_yield() }
          pthread_kill(receiver, SIGUSR2)
          while signalCount.load(ordering: .relaxed) < number {
            sched_yield()
          }
        }
        try? listener.accept().send("done")
      }
      #expect(try stream.receive(atMost: 10) == Array("done".utf8))
      #expect(signalCount.load(ordering: .relaxed) == 20)
      withExtendedLifetime(directory) {}
    }
  }
}

/// Whether a thread is sleeping, by its `stat` file.
private func isSleeping(_ path: String) -> Bool {
  guard let line = try? readTextFile(path) else { return false }
  return ProcessStatus(Array(line.utf8))?.state == UInt8(ascii: "S")
}
