import Glibc
package import SystemPackage

/// A process that somebody waits for the end of.
///
/// With a pidfd (pidfd_open(2)) its end is reported, before it is reaped;
/// without one it has to be looked for, by the start time.
package struct ProcessHandle: ~Copyable {
  package let identity: ProcessIdentity
  private var descriptor: Descriptor?

  /// What turns readable when the process exits; `nil` where nothing does.
  package var raw: FileDescriptor? {
    switch descriptor {
    case .some(let descriptor): descriptor.raw
    case .none: nil
    }
  }

  /// Finds a process.
  ///
  /// - Parameters:
  ///   - pid: Its pid; the number of a thread is none.
  ///   - watching: Whether to keep a descriptor for it. If that cannot be had,
  ///     it is done without; reading `/proc` takes one for a moment all the same.
  /// - Returns: `nil` where there is no such process, or it has ended.
  /// - Throws: `Errno.permissionDenied` where `/proc` hides the process,
  ///   `Errno.notSupported` where it shows another pid namespace,
  ///   `Errno.notPermitted` for a thread of the kernel's own, otherwise what
  ///   reading `/proc` says.
  package static func open(
    _ pid: Int32, watching: Bool
  ) throws(Errno) -> ProcessHandle? {
    if pid <= 0 { return nil }
    var descriptor: Descriptor?
    if watching {
      do {
        descriptor = try Descriptor(ofProcess: pid)
      } catch {
        switch error {
        // The last two are what different kernels say of a thread.
        case .noSuchProcess, .invalidArgument, .noSuchFileOrDirectory:
          return nil
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory: break
        default: throw error
        }
      }
    }
    let found: ProcessLookup
    if descriptor == nil {
      found = try ProcessIdentity.lookUp(pid)
    } else {
      try ProcessIdentity.requireOwnProc()
      found = try ProcessIdentity.read(pid)
    }
    switch found {
    case .gone: return nil
    case .hidden: throw .permissionDenied
    case .kernelThread: throw .notPermitted
    case .living(let identity):
      let handle = ProcessHandle(identity: identity, descriptor: descriptor)
      // Where the process that the descriptor is of still lives, it was that
      // one's start time, and not that of the next process with its pid.
      if handle.hasEnded { return nil }
      return handle
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
    if !identity.isAlive { return nil }
    let handle = ProcessHandle(identity: identity, descriptor: descriptor)
    if handle.hasEnded { return nil }
    return handle
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
