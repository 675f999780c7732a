import Synchronization
package import SystemPackage

/// A namespace, named by its inode number under `/proc/PID/ns`, which is what
/// tells two of them apart (namespaces(7)).
package struct Namespace: Hashable, Sendable {
  /// The inode number.
  ///
  /// The kernel gives them out as 32-bit numbers.
  package let identifier: UInt32

  package init(identifier: UInt32) {
    self.identifier = identifier
  }

  /// The namespace that this process is in.
  ///
  /// - Parameters:
  ///   - kind: `net`, `pid` or `time`.
  ///   - who: Whose: `self`, or `thread-self` for this thread's.
  /// - Throws: What `stat(2)` says where `/proc` is not there.
  private init(kind: String, of who: String = "self") throws(Errno) {
    var status = stat()
    try systemCall { stat("/proc/\(who)/ns/\(kind)", &status) }
    identifier = UInt32(truncatingIfNeeded: status.st_ino)
  }

  /// The network namespace: port numbers belong to it.
  ///
  /// It is the thread's, which may have left the process's (unshare(2)).
  package static func network() throws(Errno) -> Namespace {
    try Namespace(kind: "net", of: "thread-self")
  }

  /// The pid namespace: pids belong to it.
  ///
  /// A process stays in the one that it was made in, so it is read once.
  package static func process() throws(Errno) -> Namespace {
    let generation = UInt(forkGeneration())
    let known = knownProcess.load(ordering: .relaxed)
    if known.first == generation {
      return Namespace(identifier: UInt32(truncatingIfNeeded: known.second))
    }
    let namespace = try Namespace(kind: "pid")
    knownProcess.store(
      WordPair(first: generation, second: UInt(namespace.identifier)),
      ordering: .relaxed)
    return namespace
  }

  private static let knownProcess = Atomic(WordPair(first: 0, second: 0))

  /// The time namespace: it shifts processes' start times.
  ///
  /// See time_namespaces(7). Kernels before 5.6 know only one.
  package static func time() throws(Errno) -> Namespace {
    do {
      return try Namespace(kind: "time")
    } catch {
      guard error == .noSuchFileOrDirectory else { throw error }
      return .hostTime
    }
  }

  /// The time namespace of the host itself (`PROC_TIME_INIT_INO`).
  package static let hostTime = Namespace(identifier: 0xEFFF_FFFA)

  /// The pid namespace of the host itself, whose number the kernel fixes
  /// (`PROC_PID_INIT_INO` in `include/linux/proc_ns.h`).
  package static let hostProcess = Namespace(identifier: 0xEFFF_FFFC)
}

/// A number that is another after every start of the machine
/// (`/proc/sys/kernel/random/boot_id`, random(4)).
///
/// - Throws: What reading it says; `Errno.notSupported` where it is no number.
package func bootIdentifier() throws(Errno) -> UInt64 {
  let text = try readSetting("/proc/sys/kernel/random/boot_id")
  // 128 random bits in hexadecimal, with dashes; half of them will do.
  let digits = text.filter(\.isHexDigit).prefix(16)
  guard let number = UInt64(digits, radix: 16) else { throw .notSupported }
  return number
}
