import SystemPackage

/// Whether this process's parent is a subshell that a shell forked for a command
/// substitution, such as `$(portpicker | cat)`, and that ends with it.
///
/// In `$(portpicker)`, the subshell becomes this process, and the parent is the shell
/// itself. A parent that reads this process's standard output continues afterwards,
/// subshell or not. The answer is `true` only if it is almost certain: the parent is
/// a copy of its own parent, which reads the parent's standard output.
///
/// - Returns: `false` also if it cannot be determined.
package func parentIsCommandSubstitution() -> Bool {
  var output = stat()
  guard fstat(STDOUT_FILENO, &output) == 0,
    output.st_mode & S_IFMT == S_IFIFO,
    (try? ProcessIdentity.requireMatchingProc()) != nil
  else { return false }
  let shell = getppid()
  guard let status = try? ProcessStatus(ofProcess: shell),
    let parent = try? ProcessStatus(ofProcess: status.parent),
    // It has run no program since it was forked. Another user's shows as 0 or 1.
    let stack = status.stackStart, stack > 1, stack == parent.stackStart,
    let result = pipe(ofProcess: shell, STDOUT_FILENO)
  else { return false }
  return reads(status.parent, result) && !reads(shell, output.st_ino)
}

/// The inode of the pipe that a process has as a descriptor.
private func pipe(ofProcess pid: Int32, _ number: Int32) -> ino_t? {
  var status = stat()
  guard stat("/proc/\(pid)/fd/\(number)", &status) == 0,
    status.st_mode & S_IFMT == S_IFIFO
  else { return nil }
  return status.st_ino
}

/// Whether a process has the read end of a pipe open.
private func reads(_ pid: Int32, _ inode: ino_t) -> Bool {
  let directory = "/proc/\(pid)/fd"
  for name in (try? fileNames(in: directory)) ?? [] {
    guard let number = Int32(name), pipe(ofProcess: pid, number) == inode else {
      continue
    }
    // The permissions of the link show how it was opened (proc_pid_fd(5)).
    var link = stat()
    if lstat("\(directory)/\(name)", &link) == 0, link.st_mode & S_IRUSR != 0 {
      return true
    }
  }
  return false
}
