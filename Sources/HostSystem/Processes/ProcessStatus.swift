/// What `/proc/PID/stat` says of a process (proc_pid_stat(5)).
package struct ProcessStatus: Sendable {
  /// Field 3, such as `R`, `S` or `Z`.
  package let state: UInt8
  /// Field 9: the kernel's flags (`PF_…` in `linux/sched.h`).
  package let flags: UInt64
  /// Field 20: how many threads there are.
  package let threadCount: UInt64
  /// Field 22: when the process started, in clock ticks since boot.
  package let startTime: UInt64

  /// Parses the line; `nil` if it is none.
  ///
  /// Field 2, the name, stands in parentheses and may itself hold spaces and
  /// parentheses, so the fields are counted from the last `)`.
  package init?(_ line: some BidirectionalCollection<UInt8>) {
    guard let name = line.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    var fields = line[line.index(after: name)...]
      .split(separator: UInt8(ascii: " "), maxSplits: 20)
      .makeIterator()
    // After the name come fields 3, 4, 5…
    guard let state = fields.next()?.first else { return nil }
    self.state = state
    var flags: UInt64?
    var threadCount: UInt64?
    var startTime: UInt64?
    var number = 4
    while let field = fields.next() {
      switch number {
      case 9: flags = Self.number(field)
      case 20: threadCount = Self.number(field)
      case 22: startTime = Self.number(field)
      default: break
      }
      number += 1
    }
    guard let flags, let threadCount, let startTime else { return nil }
    self.flags = flags
    self.threadCount = threadCount
    self.startTime = startTime
  }

  /// Whether a process still runs, as far as one look tells.
  package enum Life: Hashable, Sendable {
    case running
    /// It has ended, and waits to be reaped.
    case ended
    /// This was not the process's first thread any more when the kernel described
    /// it. Either the process was being reaped, or another of its threads has taken
    /// over its pid, in execve(2). A second look tells.
    case unclear
  }

  /// Whether the process still runs.
  ///
  /// A process whose first thread has ended while others go on shows the state of
  /// a zombie, and has more than one thread. A thread that the kernel has released
  /// already has none.
  package var life: Life {
    switch state {
    case UInt8(ascii: "Z"), UInt8(ascii: "X"), UInt8(ascii: "x"):
      switch threadCount {
      case 0: .unclear
      case 1: .ended
      default: .running
      }
    default: .running
    }
  }

  /// Whether it is a thread of the kernel's own (`PF_KTHREAD`), which never ends.
  package var isKernelThread: Bool { flags & 0x0020_0000 != 0 }

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
