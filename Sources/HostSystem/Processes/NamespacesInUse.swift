import SystemPackage

extension Namespace {
  /// The pid namespaces in which there are processes, this process's own included.
  ///
  /// A pid namespace without processes is gone: none can be made in it any more
  /// (pid_namespaces(7)). All that lie below the host's own are seen from there.
  ///
  /// - Returns: `nil` where this process cannot tell: it is not in the host's own
  ///   namespace, or there is a process below that it may not look into.
  package static func processNamespacesInUse() -> Set<Namespace>? {
    guard (try? Namespace.process()) == .hostProcess,
      (try? ProcessIdentity.requireOwnProc()) != nil,
      !procHidesProcesses(), let names = try? fileNames(in: "/proc")
    else { return nil }
    var found: Set<Namespace> = [.hostProcess]
    for pid in names.compactMap({ Int32($0) }) {
      var status = stat()
      if stat("/proc/\(pid)/ns/pid", &status) == 0 {
        found.insert(
          Namespace(identifier: UInt32(truncatingIfNeeded: status.st_ino)))
        continue
      }
      switch Errno(rawValue: errno) {
      case .noSuchFileOrDirectory, .noSuchProcess: continue
      default:
        // Everybody may read how deep it is.
        guard let details = try? ProcessDetails(ofProcess: pid) else {
          continue
        }
        if details.namespaceDepth > 0 { return nil }
      }
    }
    return found
  }
}
