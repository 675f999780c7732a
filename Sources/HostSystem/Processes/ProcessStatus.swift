package import SystemPackage

/// The fields of `/proc/PID/stat` that this project uses (proc_pid_stat(5)).
package struct ProcessStatus: Sendable {
  /// Field 3, such as `R`, `S`, or `Z`.
  package let state: UInt8
  /// Field 4: the parent's pid; 0 if the parent is outside this pid namespace.
  package let parent: Int32
  /// Field 6: the session (setsid(2)); `nil` while the process is being reaped, and 0
  /// if the session leader is outside this pid namespace.
  package let session: Int32?
  /// Field 9: the kernel's flags (`PF_…` in `linux/sched.h`).
  package let flags: UInt64
  /// Field 20: the number of threads.
  package let threadCount: UInt64
  /// Field 22: the start time, in clock ticks since boot.
  package let startTime: UInt64
  /// Field 28: the address at which the stack begins.
  ///
  /// It changes with each execve(2). 0 or 1 if this process may not know it,
  /// `nil` if the line ends before.
  package let stackStart: UInt64?

  /// Reads the status of a process, without allocating a buffer.
  ///
  /// - Throws: The error of reading the file; `Errno.ioError` if it is malformed.
  package init(ofProcess pid: Int32) throws(Errno) {
    // The line has about 300 bytes, and 1,500 if every field were full.
    self = try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2048) {
      buffer throws(Errno) in
      let file = try Descriptor {
        open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
      }
      let count = try systemCall {
        read(file.raw.rawValue, buffer.baseAddress, buffer.count)
      }
      guard let status = ProcessStatus(buffer[..<count]) else {
        throw .ioError
      }
      return status
    }
  }

  /// Parses the line; `nil` if it is malformed.
  ///
  /// Field 2, the name, is in parentheses and may itself contain spaces and
  /// parentheses, so fields are counted from the last `)`.
  package init?(_ line: some BidirectionalCollection<UInt8>) {
    guard let name = line.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    var rest = line[line.index(after: name)...]
    var state: UInt8?
    var parent: UInt64?
    var session: UInt64?
    var flags: UInt64?
    var threadCount: UInt64?
    var startTime: UInt64?
    var stackStart: UInt64?
    var number = 3
    while number <= 28, let field = Self.popField(&rest) {
      switch number {
      case 3: state = field.first
      case 4: parent = Self.number(field)
      case 6: session = Self.number(field)
      case 9: flags = Self.number(field)
      case 20: threadCount = Self.number(field)
      case 22: startTime = Self.number(field)
      case 28: stackStart = Self.number(field)
      default: break
      }
      number += 1
    }
    guard let state, let parent, let flags, let threadCount, let startTime
    else { return nil }
    self.state = state
    self.parent = Int32(clamping: parent)
    self.session = session.map { Int32(clamping: $0) }
    self.flags = flags
    self.threadCount = threadCount
    self.startTime = startTime
    self.stackStart = stackStart
  }

  /// Whether a process is running, as far as one look shows.
  package enum Life: Hashable, Sendable {
    case running
    /// It has ended and waits to be reaped.
    case ended
    /// When the kernel described it, the thread was no longer the process's first.
    /// Either the process was being reaped, or another of its threads was taking over
    /// its pid in execve(2). A second look shows which.
    case ambiguous
  }

  /// Whether the process is still running.
  ///
  /// If the first thread of a process has exited and others are running, the process
  /// has the state of a zombie and more than one thread. A thread that the kernel has
  /// already released has none.
  package var life: Life {
    switch state {
    case UInt8(ascii: "Z"), UInt8(ascii: "X"), UInt8(ascii: "x"):
      switch threadCount {
      case 0: .ambiguous
      case 1: .ended
      default: .running
      }
    default: .running
    }
  }

  /// Whether it is a kernel thread (`PF_KTHREAD`), which never ends.
  package var isKernelThread: Bool { flags & 0x0020_0000 != 0 }

  /// Removes the next field, and the spaces before it, from the front of a line.
  private static func popField<Bytes: Collection<UInt8>>(
    _ rest: inout Bytes
  ) -> Bytes? where Bytes.SubSequence == Bytes {
    let space = UInt8(ascii: " ")
    rest = rest.drop { $0 == space }
    if rest.isEmpty { return nil }
    let field = rest.prefix { $0 != space }
    rest = rest[field.endIndex...]
    return field
  }

  private static func number(_ digits: some Collection<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else {
        return nil
      }
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(
        UInt64(digit - UInt8(ascii: "0")))
      if tooLarge || overflow { return nil }
      value = sum
    }
    return value
  }
}
