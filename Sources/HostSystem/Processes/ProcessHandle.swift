package import SystemPackage

/// A process that somebody waits for the end of.
///
/// With a pidfd (pidfd_open(2)) its end is reported, before it is reaped;
/// without one it has to be looked for, by the start time.
package struct ProcessHandle: ~Copyable {
  package let identity: ProcessIdentity
  private var descriptor: Descriptor?

  /// What turns readable when the process exits; `nil` where nothing does.
  package var raw: FileDescriptor? { Self.raw(descriptor) }

  /// Finds a process.
  ///
  /// - Parameters:
  ///   - pid: Its pid; the number of a thread is none.
  ///   - watching: Whether to keep a descriptor for it. If that cannot be had,
  ///     it is done without; reading `/proc` takes one for a moment all the same.
  /// - Returns: `nil` where there is no such process, or it has ended.
  /// - Throws: Why that cannot be told, or the process cannot be waited for.
  package static func open(
    _ pid: Int32, watching: Bool
  ) throws(ProcessHandleError) -> ProcessHandle? {
    if pid <= 0 { return nil }
    var descriptor: Descriptor?
    if watching {
      do throws(Errno) {
        descriptor = try Descriptor(ofProcess: pid)
      } catch {
        switch error {
        // The last two are what different kernels say of a thread. A process that
        // becomes another program is always found.
        case .noSuchProcess, .invalidArgument, .noSuchFileOrDirectory:
          return nil
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory: break
        default: throw .watching(error)
        }
      }
    }
    let found: ProcessLookup
    do throws(Errno) {
      found = try lookUp(pid, raw(descriptor))
    } catch {
      throw error == .notSupported ? .foreignProc : .reading(error)
    }
    switch found {
    case .gone: return nil
    case .hidden: throw .hidden
    case .kernelThread: throw .kernelThread
    case .living(let identity):
      return ProcessHandle(identity: identity, descriptor: descriptor)
    }
  }

  /// Finds a process that was known before.
  ///
  /// - Parameters:
  ///   - identity: The process.
  ///   - watching: As for ``open(_:watching:)``.
  /// - Returns: `nil` where it has ended. One that cannot be looked at counts as
  ///   alive: a doubt must never free a lease.
  package static func open(
    _ identity: ProcessIdentity, watching: Bool
  ) -> ProcessHandle? {
    let descriptor = watching ? try? Descriptor(ofProcess: identity.pid) : nil
    let found = try? lookUp(identity.pid, raw(descriptor))
    if case .living(let other) = found, other != identity { return nil }
    if found == .gone { return nil }
    return ProcessHandle(identity: identity, descriptor: descriptor)
  }

  private static func raw(
    _ descriptor: borrowing Descriptor?
  ) -> FileDescriptor? {
    switch descriptor {
    case .some(let descriptor): descriptor.raw
    case .none: nil
    }
  }

  /// The process that a descriptor is of, or, without one, that has a pid.
  ///
  /// - Throws: What reading `/proc` says;
  ///   `Errno.resourceTemporarilyUnavailable` where a process that lives looks
  ///   as if it had ended each time.
  private static func lookUp(
    _ pid: Int32, _ descriptor: FileDescriptor?
  ) throws(Errno) -> ProcessLookup {
    guard let descriptor else { return try ProcessIdentity.lookUp(pid) }
    try ProcessIdentity.requireOwnProc()
    for _ in 0..<16 {
      let found = try ProcessIdentity.read(pid)
      // The descriptor decides. Where its process still lives, it was that one's
      // start time, and not that of the next process with its pid; and if it did
      // not look alive, it was about to become another program.
      if isReadable(descriptor) { return .gone }
      if found != .gone { return found }
    }
    throw .resourceTemporarilyUnavailable
  }

  /// Whether the process has ended, reaped or not.
  package var hasEnded: Bool {
    raw.map(isReadable) ?? !identity.isAlive
  }

  /// Does without a descriptor from now on.
  package mutating func closeDescriptor() {
    descriptor = nil
  }
}

/// Why a process cannot be found, or waited for; none of these says that it has
/// ended.
package enum ProcessHandleError: Error, Hashable, Sendable {
  /// `/proc` hides it (`hidepid`).
  case hidden
  /// `/proc` is mounted for another pid namespace.
  case foreignProc
  /// It is a thread of the kernel's own, which never ends.
  case kernelThread
  /// What pidfd_open(2) said.
  case watching(Errno)
  /// What reading `/proc/PID/stat` said.
  case reading(Errno)
}
