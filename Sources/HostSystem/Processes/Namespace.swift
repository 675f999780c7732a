import Synchronization
package import SystemPackage

/// A namespace, identified by its inode number under `/proc/PID/ns` (namespaces(7)).
package struct Namespace: Hashable, Sendable {
  /// The inode number.
  ///
  /// The kernel allocates 32-bit numbers.
  package let identifier: UInt32

  package init(identifier: UInt32) {
    self.identifier = identifier
  }

  /// The namespace of a process or thread.
  ///
  /// - Parameters:
  ///   - kind: `mnt`, `net`, `pid`, or `time`.
  ///   - process: A pid, `self`, or `thread-self`.
  /// - Throws: The error of stat(2).
  private init(kind: String, of process: String = "self") throws(Errno) {
    var status = stat()
    try systemCall { stat("/proc/\(process)/ns/\(kind)", &status) }
    identifier = UInt32(truncatingIfNeeded: status.st_ino)
  }

  /// This thread's network namespace, to which port numbers belong.
  ///
  /// A thread can leave the network namespace of its process (unshare(2)).
  package static func network() throws(Errno) -> Namespace {
    try Namespace(kind: "net", of: "thread-self")
  }

  /// This process's pid namespace.
  ///
  /// A process cannot leave it, so it is read once.
  package static func pid() throws(Errno) -> Namespace {
    let generation = UInt(forkGeneration())
    let known = knownPID.load(ordering: .relaxed)
    if known.first == generation {
      return Namespace(identifier: UInt32(truncatingIfNeeded: known.second))
    }
    let namespace = try Namespace(kind: "pid")
    knownPID.store(
      WordPair(first: generation, second: UInt(namespace.identifier)),
      ordering: .relaxed)
    return namespace
  }

  private static let knownPID = Atomic(WordPair(first: 0, second: 0))

  /// The mount namespace of a process, which determines what its paths mean
  /// (mount_namespaces(7)).
  ///
  /// - Parameter process: A pid, or `self`.
  /// - Returns: The namespace.
  /// - Throws: The error of stat(2): `Errno.permissionDenied` if this process may not
  ///   inspect that one.
  static func mount(of process: String) throws(Errno) -> Namespace {
    try Namespace(kind: "mnt", of: process)
  }

  /// This process's time namespace, which shifts start times (time_namespaces(7)).
  ///
  /// Kernels before 5.6 have only the host's.
  package static func time() throws(Errno) -> Namespace {
    do {
      return try Namespace(kind: "time")
    } catch {
      guard error == .noSuchFileOrDirectory else { throw error }
      return .hostTime
    }
  }

  /// The host's time namespace (`PROC_TIME_INIT_INO` in `include/linux/proc_ns.h`).
  package static let hostTime = Namespace(identifier: 0xEFFF_FFFA)

  /// The host's pid namespace (`PROC_PID_INIT_INO` in `include/linux/proc_ns.h`).
  package static let hostPID = Namespace(identifier: 0xEFFF_FFFC)
}

extension Namespace {
  /// The pid namespaces that have processes, including this process's own.
  ///
  /// A pid namespace without processes has ended: no process can be created in it any
  /// more (pid_namespaces(7)). The host's pid namespace shows all others.
  ///
  /// - Returns: `nil` if this cannot be determined, because this process is not in the
  ///   host's pid namespace, or may not inspect a process in a nested one.
  package static func pidNamespacesInUse() -> Set<Namespace>? {
    guard (try? Namespace.pid()) == .hostPID,
      (try? ProcessIdentity.requireMatchingProc()) != nil,
      !procHidesProcesses(), let names = try? fileNames(in: "/proc")
    else { return nil }
    var found: Set<Namespace> = [.hostPID]
    for pid in names.compactMap({ Int32($0) }) {
      do throws(Errno) {
        found.insert(try Namespace(kind: "pid", of: "\(pid)"))
      } catch {
        if error == .noSuchFileOrDirectory || error == .noSuchProcess {
          continue
        }
        // Any process may read how deeply another one is nested.
        let details = try? ProcessDetails(ofProcess: pid)
        if let details, details.namespaceDepth > 0 { return nil }
      }
    }
    return found
  }
}

/// A number that changes whenever the machine starts
/// (`/proc/sys/kernel/random/boot_id`, random(4)).
///
/// - Throws: The error of reading the file; `Errno.notSupported` if it does not hold a
///   number.
package func bootIdentifier() throws(Errno) -> UInt64 {
  let text = try readSetting("/proc/sys/kernel/random/boot_id")
  // 128 random bits in hexadecimal, with dashes. 64 bits are enough.
  let digits = text.filter(\.isHexDigit).prefix(16)
  guard let number = UInt64(digits, radix: 16) else { throw .notSupported }
  return number
}
