import Synchronization
import SystemPackage

/// The number of descriptors that this process, and those that it starts, may have
/// open (`RLIMIT_NOFILE`, getrlimit(2)).
package func descriptorLimit() -> Int {
  var limit = rlimit()
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  guard getrlimit(resource, &limit) == 0 else { return 1024 }
  return Int(clamping: limit.rlim_cur)
}

/// Raises this process's limit on open descriptors as far as possible without
/// privilege (`RLIMIT_NOFILE`, setrlimit(2)).
///
/// - Returns: The new limit.
package func raiseDescriptorLimit() -> Int {
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  var limit = rlimit()
  guard getrlimit(resource, &limit) == 0 else { return 1024 }
  if limit.rlim_cur < limit.rlim_max {
    var raised = limit
    raised.rlim_cur = limit.rlim_max
    if setrlimit(resource, &raised) == 0 { limit = raised }
  }
  return Int(clamping: limit.rlim_cur)
}

/// Makes a write past the file size limit fail with `Errno.fileTooLarge` instead of
/// ending this process (`SIGXFSZ`, setrlimit(2)).
///
/// Afterwards, writes need not check the limit first.
package func ignoreFileSizeSignal() {
  let before = signal(SIGXFSZ, SIG_IGN)
  fileSizeSignalEndedProcess.store(
    unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_DFL, to: Int.self),
    ordering: .relaxed)
  isFileSizeSignalIgnored.store(true, ordering: .relaxed)
}

/// Undoes ``ignoreFileSizeSignal()``, for the program that this process becomes.
func restoreFileSizeSignal() {
  isFileSizeSignalIgnored.store(false, ordering: .relaxed)
  if fileSizeSignalEndedProcess.load(ordering: .relaxed) {
    signal(SIGXFSZ, SIG_DFL)
  }
}

/// Checks that a file may have a size (`RLIMIT_FSIZE`, getrlimit(2)).
///
/// The kernel sends `SIGXFSZ` to a process that exceeds the limit, which ends a
/// process that does not ignore it.
///
/// - Parameter size: The size, in bytes.
/// - Throws: `Errno.fileTooLarge`.
func checkFileSizeLimit(_ size: Int) throws(Errno) {
  if isFileSizeSignalIgnored.load(ordering: .relaxed) { return }
  var limit = rlimit()
  if getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0,
    limit.rlim_cur < rlim_t(size)
  {
    throw .fileTooLarge
  }
}

private let isFileSizeSignalIgnored = Atomic<Bool>(false)
private let fileSizeSignalEndedProcess = Atomic<Bool>(false)
