import CHostSystem
package import SystemPackage

/// A process whose end can be detected.
///
/// A pidfd (pidfd_open(2)) reports the end, even before the process is reaped. Without
/// one, the process must be checked by its start time.
package struct ProcessHandle: ~Copyable {
  package let identity: ProcessIdentity
  private var descriptor: Descriptor?

  /// A descriptor that becomes readable when the process exits, if there is one.
  package var raw: FileDescriptor? { Descriptor.raw(of: descriptor) }

  /// Finds a process.
  ///
  /// - Parameters:
  ///   - pid: The pid. The number of another thread than the first is not a pid.
  ///   - watching: Whether to keep a pidfd. If descriptors or memory are short, the
  ///     handle has none. Reading `/proc` needs a descriptor for a moment in any case.
  /// - Returns: `nil` if there is no such process, or it has ended.
  /// - Throws: Why it cannot be determined, or why the process cannot be watched.
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
        // The last two are what different kernels return for a thread. A process that
        // is executing another program is always found.
        case .noSuchProcess, .invalidArgument, .noSuchFileOrDirectory:
          return nil
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory: break
        default: throw .watching(error)
        }
      }
    }
    let found: ProcessLookup
    do throws(Errno) {
      found = try lookUp(pid, Descriptor.raw(of: descriptor))
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

  /// Finds a process by its identity.
  ///
  /// - Parameters:
  ///   - identity: The process.
  ///   - watching: Whether to keep a pidfd, if possible.
  /// - Returns: `nil` if it has ended. A process that cannot be inspected counts as
  ///   alive, because doubt must never free a lease.
  package static func open(
    _ identity: ProcessIdentity, watching: Bool
  ) -> ProcessHandle? {
    let descriptor = watching ? try? Descriptor(ofProcess: identity.pid) : nil
    switch try? lookUp(identity.pid, Descriptor.raw(of: descriptor)) {
    case .gone: return nil
    case .living(let found):
      return found == identity
        ? ProcessHandle(identity: identity, descriptor: descriptor) : nil
    // The descriptor may be that of another process, which has its pid now.
    case .hidden, .kernelThread, nil:
      return ProcessHandle(identity: identity, descriptor: nil)
    }
  }

  /// A process that may have ended, without a descriptor.
  package init(unchecked identity: ProcessIdentity) {
    self.init(identity: identity, descriptor: nil)
  }

  private init(identity: ProcessIdentity, descriptor: consuming Descriptor?) {
    self.identity = identity
    self.descriptor = descriptor
  }

  /// Looks up the process of a pidfd or, without one, the process with a pid.
  ///
  /// - Throws: The error of reading `/proc`;
  ///   `Errno.resourceTemporarilyUnavailable` if a live process appears to have ended
  ///   in every attempt.
  private static func lookUp(
    _ pid: Int32, _ descriptor: FileDescriptor?
  ) throws(Errno) -> ProcessLookup {
    guard let descriptor else { return try ProcessIdentity.lookUp(pid) }
    try ProcessIdentity.requireMatchingProc()
    for _ in 0..<16 {
      let found = try ProcessIdentity.read(pid)
      // The descriptor decides. If its process is still alive, the start time was that
      // process's, and not that of the next process with its pid. If the process did
      // not appear to be alive, it was executing another program.
      if isReadable(descriptor) { return .gone }
      if found != .gone { return found }
    }
    throw .resourceTemporarilyUnavailable
  }

  /// Whether the process has ended, reaped or not.
  package var hasEnded: Bool {
    raw.map(isReadable) ?? !identity.isAlive
  }

  /// Closes the descriptor.
  ///
  /// From then on, the process is checked by its start time.
  package mutating func closeDescriptor() {
    descriptor = nil
  }
}

/// Why a process cannot be looked up or watched.
///
/// None of these means that it has ended.
package enum ProcessHandleError: Error, Hashable, Sendable {
  /// `/proc` hides the process (`hidepid`).
  case hidden
  /// `/proc` is mounted for another pid namespace.
  case foreignProc
  /// It is a kernel thread, which never ends.
  case kernelThread
  /// The error of pidfd_open(2).
  case watching(Errno)
  /// The error of reading `/proc/PID/stat`.
  case reading(Errno)
}

extension Descriptor {
  /// Opens a pidfd (pidfd_open(2)).
  ///
  /// It becomes readable when the process exits, before the process is reaped.
  ///
  /// - Throws: The error of pidfd_open(2), such as `Errno.noSuchProcess`.
  package init(ofProcess pid: Int32) throws(Errno) {
    try self.init { chs_pidfd_open(pid) }
  }
}
