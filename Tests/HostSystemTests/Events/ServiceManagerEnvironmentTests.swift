import HostSystem
import SystemPackage
import TestSupport
import Testing

/// The environment variables of a service manager.
///
/// Each test runs in a process of its own, to which the environment belongs.
@Suite(.alone) struct ServiceManagerEnvironmentTests {
  @Test func socketsForThisProcessAreTaken() async {
    await #expect(processExitsWith: .success) {
      try openDescriptors(upTo: 8)
      for count in 1...5 {
        setenv("LISTEN_PID", "\(getpid())", 1)
        setenv("LISTEN_FDS", "\(count)", 1)
        setenv("LISTEN_FDNAMES", "some:names", 1)
        let sockets = try ServiceManager.takeSockets().map(\.rawValue)
        #expect(sockets == Array(3..<3 + Int32(count)))
        // They are taken once, and child processes do not see them.
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
          #expect(getenv(name) == nil)
        }
        #expect(try ServiceManager.takeSockets() == [])
      }
    }
  }

  @Test func whatIsNotOpenIsAnError() async {
    await #expect(processExitsWith: .success) {
      try openDescriptors(upTo: 8)
      // Two, because another thread of the test library may reuse the lowest.
      for closed: Int32 in [5, 6] { close(closed) }
      for count in ["4", "100", "2147483643"] {
        setenv("LISTEN_PID", "\(getpid())", 1)
        setenv("LISTEN_FDS", count, 1)
        #expect(throws: Errno.badFileDescriptor) {
          try ServiceManager.takeSockets()
        }
        #expect(getenv("LISTEN_FDS") == nil)
      }
    }
  }

  @Test func socketsForAnotherProcessAreLeftAlone() async {
    await #expect(processExitsWith: .success) {
      try openDescriptors(upTo: 8)
      for pid in [nil, "", "1", "\(getppid())", "x", "-1", "4294967297"] {
        setenv("LISTEN_FDS", "1", 1)
        set("LISTEN_PID", to: pid)
        #expect(try ServiceManager.takeSockets() == [])
        #expect(getenv("LISTEN_FDS") == nil)
      }
    }
  }

  @Test func aNumberOfSocketsThatIsNoneIsNone() async {
    await #expect(processExitsWith: .success) {
      try openDescriptors(upTo: 8)
      let counts = [
        nil, "", "0", "-1", "x", "1x", " 1", "2147483647", "9999999999",
      ]
      for count in counts {
        setenv("LISTEN_PID", "\(getpid())", 1)
        set("LISTEN_FDS", to: count)
        #expect(try ServiceManager.takeSockets() == [], "\(count ?? "unset")")
        #expect(getenv("LISTEN_PID") == nil)
      }
    }
  }

  @Test func aWatchdogSaysHowOftenItWantsToHear() async {
    await #expect(processExitsWith: .success) {
      let own = "\(getpid())"
      let cases: [(pid: String?, interval: String?, expected: Duration?)] = [
        (nil, nil, nil),
        (nil, "3000000", .seconds(3)),
        ("", "1", .microseconds(1)),
        (own, "1500000", .milliseconds(1500)),
        (own, nil, nil),
        (own, "", nil),
        (own, "0", nil),
        (own, "-1", nil),
        (own, "1s", nil),
        (own, "99999999999999999999", nil),
        ("1", "3000000", nil),
        ("x", "3000000", nil),
      ]
      for (pid, interval, expected) in cases {
        set("WATCHDOG_PID", to: pid)
        set("WATCHDOG_USEC", to: interval)
        #expect(
          ServiceManager.watchdogInterval == expected,
          "\(pid ?? "unset") \(interval ?? "unset")")
      }
    }
  }

  @Test func messagesAreSentAsTheyAreExpected() async {
    await #expect(processExitsWith: .success) {
      try withSocketPath { path in
        for name in [path, RunningServer.unusedAddress()] {
          let manager = try bindDatagramSocket(name)
          setenv("NOTIFY_SOCKET", name, 1)
          guard let notifier = try ServiceNotifier.fromEnvironment() else {
            throw Errno.invalidArgument
          }
          notifier.send(.ready)
          notifier.send(.watchdog)
          notifier.send(.stopping)
          notifier.send(.status("well"))
          for text in ["READY=1", "WATCHDOG=1", "STOPPING=1", "STATUS=well"] {
            #expect(receive(from: manager) == text)
          }
        }
      }
    }
  }

  @Test func whereNobodyIsNamedNobodyIsTold() async {
    await #expect(processExitsWith: .success) {
      let long = "/" + String(repeating: "x", count: 200)
      for name in [nil, "", "@", long] {
        set("NOTIFY_SOCKET", to: name)
        // A notifier cannot be copied, so it is not compared in `#expect`.
        let isNamed = try ServiceNotifier.fromEnvironment() != nil
        #expect(!isNamed, "\(name ?? "unset")")
      }
    }
  }

  @Test func aServiceManagerHoldsNothingUp() async {
    await #expect(processExitsWith: .success) {
      try withSocketPath { path in
        setenv("NOTIFY_SOCKET", path, 1)
        guard let notifier = try ServiceNotifier.fromEnvironment() else {
          throw Errno.invalidArgument
        }
        // No socket has the address.
        notifier.send(.ready)
        let manager = try bindDatagramSocket(path)
        // It reads nothing, and there is no room for all messages.
        for _ in 0..<10_000 { notifier.send(.watchdog) }
        var count = 0
        while isReadable(manager.raw) {
          #expect(receive(from: manager) == "WATCHDOG=1")
          count += 1
        }
        #expect(count > 0 && count < 10_000)
        _ = consume manager
        notifier.send(.stopping)
      }
    }
  }
}

/// Makes every number from 3 to another an open descriptor.
private func openDescriptors(upTo last: Int32) throws {
  let null = try FileDescriptor.open("/dev/null", .readOnly)
  // open(2) may return any number, because the test library opens and closes
  // descriptors of its own.
  for number in 3...last where fcntl(number, F_GETFD) < 0 {
    try systemCall { dup2(null.rawValue, number) }
  }
}

/// Sets a variable; with `nil`, unsets it.
private func set(_ name: String, to value: String?) {
  if let value { setenv(name, value, 1) } else { unsetenv(name) }
}

/// A service manager's socket.
private func bindDatagramSocket(_ name: String) throws(Errno) -> Descriptor {
  let socket = try Descriptor {
    Glibc.socket(
      AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  }
  try systemCall {
    withUnixAddress(name) { bind(socket.raw.rawValue, $0, $1) }
  }
  return socket
}

/// The next message.
private func receive(from socket: borrowing Descriptor) -> String {
  var buffer = [UInt8](repeating: 0, count: 100)
  let count = recv(
    socket.raw.rawValue, &buffer, buffer.count, Int32(MSG_DONTWAIT))
  return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
}
