package import SystemPackage

extension File {
  /// Waits for the lock that only one open file at a time can have (flock(2)).
  ///
  /// The lock ends with ``unlock()`` or with the process, however that ends.
  ///
  /// flock(2) has no time limit, and a stopped process (SIGSTOP) can keep the lock
  /// forever. The lock is therefore tried repeatedly. It is usually held for a few
  /// microseconds, so a few attempts only let other threads run in between
  /// (sched_yield(2)). Later ones follow random pauses that grow to ten milliseconds, so
  /// that hundreds of waiting processes leave the processors to the one that has the
  /// lock. The less time is left, the shorter the pauses are, so that those who have
  /// waited longest are likely to be next.
  ///
  /// - Returns: Whether the lock was obtained before the deadline. It is tried at least
  ///   once.
  /// - Throws: The error of flock(2).
  package func lock(until deadline: Deadline) throws(Errno) -> Bool {
    try HostSystem.lock(descriptor.raw, until: deadline)
  }

  /// Releases the lock.
  package func unlock() {
    // It cannot fail on an open descriptor, and closing also releases the lock.
    _ = flock(descriptor.raw.rawValue, LOCK_UN)
  }
}

/// How to wait between attempts to get a lock; the times are in nanoseconds.
private enum LockPause {
  /// How many attempts do without a pause.
  static let yields = 10
  static let shortest: UInt64 = 20_000
  static let longest: UInt64 = 10_000_000
  /// The longest pause shortly before the deadline.
  static let last: UInt64 = 50_000
}

/// Waits for the lock of a file or directory; see ``File/lock(until:)``.
func lock(
  _ descriptor: FileDescriptor, until deadline: Deadline
) throws(Errno) -> Bool {
  var pause = LockPause.shortest
  var attempts = 0
  while true {
    do {
      try systemCall { flock(descriptor.rawValue, LOCK_EX | LOCK_NB) }
      return true
    } catch {
      guard error == .wouldBlock else { throw error }
    }
    let remaining = deadline.remaining.nanoseconds
    if remaining == 0 { return false }
    attempts += 1
    if attempts <= LockPause.yields {
      sched_yield()
      continue
    }
    let limit = min(max(remaining / 500, LockPause.last), LockPause.longest)
    let upper = min(pause, limit)
    var time = timespec(
      tv_sec: 0, tv_nsec: Int.random(in: Int(upper / 2)...Int(upper)))
    nanosleep(&time, nil)
    pause = min(pause * 2, LockPause.longest)
  }
}

/// The process that has a file locked with flock(2), from `/proc/locks`
/// (proc_locks(5)); `nil` if it is not listed.
package func lockHolder(of file: Stat) -> Int32? {
  guard let locks = try? readTextFile("/proc/locks", limit: 1 << 20) else {
    return nil
  }
  let device = file.deviceID.rawValue
  // makedev(3) builds `st_dev` from the kernel's major and minor numbers like this.
  let major = (device >> 8 & 0xFFF) | (device >> 32 & ~0xFFF)
  let minor = (device & 0xFF) | (device >> 12 & ~0xFF)
  for line in locks.split(separator: "\n") {
    // 1: FLOCK  ADVISORY  WRITE 4242 00:1b:5 0 EOF
    let fields = line.split(separator: " ")
    guard fields.count >= 6, fields[1] == "FLOCK" else { continue }
    let place = fields[5].split(separator: ":")
    guard
      place.count == 3, UInt64(place[0], radix: 16) == UInt64(major),
      UInt64(place[1], radix: 16) == UInt64(minor),
      UInt64(place[2]) == UInt64(file.inode.rawValue)
    else { continue }
    return Int32(fields[4])
  }
  return nil
}
