import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Signals that are read.
///
/// Signal masks belong to threads, and signal actions to the process. Each test
/// therefore runs in a process of its own, and signals its own thread.
@Suite(.alone) struct SignalQueueTests {
  @Test func signalsWaitUntilTheyAreRead() async {
    await #expect(processExitsWith: .success) {
      useDefaults()
      let queue = try SignalQueue()
      #expect(queue.next() == nil)
      #expect(!isReadable(queue.raw))
      let cases = [
        (SIGINT, SignalQueue.Signal.interrupt), (SIGTERM, .terminate),
        (SIGUSR1, .user1), (SIGHUP, .hangUp),
      ]
      for (number, signal) in cases {
        pthread_kill(pthread_self(), number)
        #expect(isReadable(queue.raw))
        #expect(queue.next() == signal)
        #expect(queue.next() == nil)
        #expect(!isReadable(queue.raw))
      }
    }
  }

  @Test func severalSignalsAreReadOneAfterAnother() async {
    await #expect(processExitsWith: .success) {
      useDefaults()
      let queue = try SignalQueue()
      for number in [SIGTERM, SIGUSR1, SIGINT, SIGHUP] {
        pthread_kill(pthread_self(), number)
      }
      var signals: Set<SignalQueue.Signal> = []
      while let signal = queue.next() {
        #expect(signals.insert(signal).inserted)
      }
      #expect(signals == Set(SignalQueue.Signal.allCases))
    }
  }

  @Test func otherSignalsAreNotHeldBack() async {
    await #expect(processExitsWith: .signal(SIGUSR2)) {
      useDefaults()
      let queue = try SignalQueue()
      pthread_kill(pthread_self(), SIGUSR2)
      withExtendedLifetime(queue.raw) {}
    }
  }

  @Test func anInterruptThatWasIgnoredStaysIgnored() async {
    await #expect(processExitsWith: .success) {
      useDefaults()
      signal(SIGINT, SIG_IGN)
      let queue = try SignalQueue()
      pthread_kill(pthread_self(), SIGINT)
      #expect(queue.next() == nil)
      // The others can still be read.
      pthread_kill(pthread_self(), SIGTERM)
      #expect(queue.next() == .terminate)
      queue.restoreDefaultActions()
      pthread_kill(pthread_self(), SIGINT)
    }
  }

  @Test func aHangUpThatWasIgnoredStaysIgnored() async {
    await #expect(processExitsWith: .success) {
      useDefaults()
      signal(SIGHUP, SIG_IGN)
      let queue = try SignalQueue()
      pthread_kill(pthread_self(), SIGHUP)
      #expect(queue.next() == nil)
    }
  }

  @Test func aSecondHangUpDoesNotEndTheProcess() async {
    await #expect(processExitsWith: .success) {
      useDefaults()
      let queue = try SignalQueue()
      pthread_kill(pthread_self(), SIGHUP)
      guard queue.next() == .hangUp else { throw Errno.invalidArgument }
      queue.restoreDefaultActions()
      pthread_kill(pthread_self(), SIGHUP)
    }
  }

  @Test func aSecondTerminateEndsTheProcess() async {
    await #expect(processExitsWith: .signal(SIGTERM)) {
      useDefaults()
      let queue = try SignalQueue()
      pthread_kill(pthread_self(), SIGTERM)
      guard queue.next() == .terminate else { return }
      queue.restoreDefaultActions()
      pthread_kill(pthread_self(), SIGTERM)
    }
  }

  @Test func aSecondInterruptEndsTheProcess() async {
    await #expect(processExitsWith: .signal(SIGINT)) {
      useDefaults()
      let queue = try SignalQueue()
      pthread_kill(pthread_self(), SIGINT)
      guard queue.next() == .interrupt else { return }
      queue.restoreDefaultActions()
      pthread_kill(pthread_self(), SIGINT)
    }
  }

  @Test func aSignalThatWaitsEndsTheProcessOnceTheDefaultsAreBack() async {
    await #expect(processExitsWith: .signal(SIGTERM)) {
      useDefaults()
      let queue = try SignalQueue()
      pthread_kill(pthread_self(), SIGTERM)
      queue.restoreDefaultActions()
    }
  }

  @Test func aBrokenPipeIsAnErrorOnceItIsAskedFor() async {
    await #expect(processExitsWith: .success) {
      useDefaults()
      ignoreBrokenPipeSignal()
      let pipe = try FileDescriptor.pipe()
      try pipe.readEnd.close()
      #expect(throws: Errno.brokenPipe) { try pipe.writeEnd.writeAll([1]) }
    }
  }
}

/// Restores the default actions of signals and unblocks them in this thread.
///
/// The tests may have been started with some ignored.
private func useDefaults() {
  for number in [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE] {
    signal(number, SIG_DFL)
    unblockSignals(number)
  }
}
