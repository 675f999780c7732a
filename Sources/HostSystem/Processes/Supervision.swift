import CHostSystem
package import SystemPackage

/// A program that runs under a supervisor of its own.
///
/// The supervisor is a process that ends the program, and everything that the program
/// has started, when it is told to, or when this process ends, for whatever reason. A
/// second process, its guard, does so if the supervisor itself is killed. `ProcessTree.h`
/// describes both.
package struct Supervision: ~Copyable {
  /// The process from which the program, and everything it starts, descends.
  ///
  /// It is this process's child until ``reap()``, so that no other process has its pid.
  package let root: Int32
  private let socket: Descriptor
  private let pipe: Descriptor?

  /// Starts a program; this returns before the program is executed.
  ///
  /// - Throws: The error of creating the processes, a socket or a pipe.
  package init(starting program: SupervisedProgram) throws(Errno) {
    var request = chs_program()
    request.grace = Int64(clamping: program.grace.nanoseconds)
    var pipe: Descriptor?
    // The program gets a copy of its own.
    var writeEnd: Descriptor?
    switch program.place {
    case .background:
      var other: Int32 = -1
      pipe = try Descriptor {
        var end: Int32 = -1
        return chs_pipe(&end, &other) == 0 ? end : -1
      }
      writeEnd = try Descriptor { other }
      request.output = Descriptor.raw(of: writeEnd)?.rawValue ?? -1
    case .foreground(let mask):
      request.is_foreground = 1
      request.mask = mask.set
    }
    let arguments = CStrings(program.arguments)
    let variables = CStrings(environmentBlock(setting: program.environment))
    let directory = CStrings(program.directory.map { [Array($0.utf8)] } ?? [])
    var root: Int32 = -1
    socket = try Descriptor {
      arguments.withPointers { arguments in
        variables.withPointers { variables in
          directory.withPointers { directory in
            request.file = UnsafePointer(arguments.pointee)
            request.arguments = UnsafePointer(arguments)
            request.environment = UnsafePointer(variables)
            request.directory = UnsafePointer(directory.pointee)
            return chs_supervise(&request, &root)
          }
        }
      }
    }
    self.root = root
    self.pipe = consume pipe
    writeEnd = nil
  }

  /// A descriptor that is readable when ``next()`` has something new.
  package var control: FileDescriptor { socket.raw }

  /// The read end of the pipe for the program's output, nonblocking; `nil` in the
  /// foreground.
  package var output: FileDescriptor? { Descriptor.raw(of: pipe) }

  /// What the supervisor reports.
  package enum Notice: Hashable, Sendable {
    /// The program could not be executed.
    case notStarted(Errno)
    /// The program has ended; what it started may still run.
    case ended(ProcessEnd)
    /// All processes have ended, or been left alone as in the foreground.
    ///
    /// This is the last notice.
    case gone
  }

  /// The next notice; `nil` if none has arrived.
  package func next() -> Notice? {
    var notice = chs_notice()
    let size = MemoryLayout<chs_notice>.size
    let count = recv(
      control.rawValue, &notice, size, Int32(MSG_DONTWAIT))
    if count < 0, errno == EAGAIN || errno == EINTR { return nil }
    guard count == size else { return .gone }
    return Int(notice.kind) == CHS_NOT_STARTED
      ? .notStarted(Errno(rawValue: notice.value))
      : .ended(ProcessEnd(waitStatus: notice.value))
  }

  /// An order to the supervisor.
  package enum Order: Hashable, Sendable {
    /// Send the program, if it has not ended, a signal.
    case signal(Int32)
    /// End all processes, with `SIGTERM`, and with `SIGKILL` after the time of grace.
    case end
    /// End all processes with `SIGKILL`.
    case kill
  }

  /// Tells the supervisor to do something; without effect if it has ended.
  package func send(_ order: Order) {
    var notice =
      switch order {
      case .signal(let number):
        chs_notice(kind: Int32(CHS_SIGNAL), value: number)
      case .end: chs_notice(kind: Int32(CHS_END), value: 0)
      case .kill: chs_notice(kind: Int32(CHS_KILL), value: 0)
      }
    _ = Glibc.send(
      control.rawValue, &notice, MemoryLayout<chs_notice>.size,
      Int32(MSG_NOSIGNAL))
  }

  /// Reaps the process ``root`` after ``Notice/gone``.
  package func reap() {
    var status: Int32 = 0
    // Its end has been reported by its socket, which it closes when it ends.
    while waitpid(root, &status, Int32(bitPattern: UInt32(__WALL))) < 0,
      errno == EINTR
    {}
  }
}

/// How a process ended.
package enum ProcessEnd: Hashable, Sendable {
  /// It exited with this status.
  case exited(Int32)
  /// A signal with this number ended it.
  case killed(Int32)

  init(waitStatus: Int32) {
    let signal = waitStatus & 0x7f
    self = signal == 0 ? .exited(waitStatus >> 8 & 0xff) : .killed(signal)
  }

  /// The status that a shell gives it: 128 and the number of the signal.
  package var shellStatus: Int32 {
    switch self {
    case .exited(let status): status
    case .killed(let signal): 128 + signal
    }
  }
}

extension ProcessEnd: CustomStringConvertible {
  /// A predicate, such as `exited with status 1` or `was ended by signal 9 (Killed)`.
  package var description: String {
    switch self {
    case .exited(let status): "exited with status \(status)"
    case .killed(let signal):
      "was ended by signal \(signal)"
        + (strsignal(signal).map { " (\(String(cString: $0)))" } ?? "")
    }
  }
}

/// C strings, in an array that ends with a null pointer.
private final class CStrings {
  private let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [[UInt8]]) {
    count = strings.count
    pointers = .allocate(capacity: count + 1)
    for (index, string) in strings.enumerated() {
      (pointers + index).initialize(
        to: strdup(string.map { CChar(truncatingIfNeeded: $0) } + [0]))
    }
    (pointers + count).initialize(to: nil)
  }

  deinit {
    for index in 0..<count { free(pointers[index]) }
    pointers.deallocate()
  }

  func withPointers<Result>(
    _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    withExtendedLifetime(self) { body(pointers) }
  }
}
