import SystemPackage

/// Whether this process's parent is a subshell that a shell has forked for a command
/// substitution, such as `$(portpicker | cat)`, and that ends with it.
///
/// In `$(portpicker)` the subshell becomes this process, and the parent is the
/// shell itself. Where the parent reads our standard output, it goes on afterwards,
/// subshell or not. It is only said where it is nearly certain: the parent is a copy
/// of its own parent, which reads its standard output.
///
/// - Returns: `false` also where that cannot be told.
package func parentIsCommandSubstitution() -> Bool {
  var output = stat()
  guard fstat(STDOUT_FILENO, &output) == 0,
    output.st_mode & S_IFMT == S_IFIFO,
    (try? ProcessIdentity.requireOwnProc()) != nil
  else { return false }
  let shell = getppid()
  guard let image = ProcessImage(of: shell),
    let parent = ProcessImage(of: image.parent),
    // It has run no program since it was forked.
    image.stack == parent.stack,
    let result = pipe(ofProcess: shell, STDOUT_FILENO)
  else { return false }
  return reads(image.parent, result) && !reads(shell, output.st_ino)
}

/// What tells whether a process is a copy of its parent.
private struct ProcessImage {
  let parent: Int32
  /// Where its stack begins, which is another place after each execve(2).
  let stack: UInt64

  /// - Returns: `nil` where there is no such process, or it is another user's.
  init?(of pid: Int32) {
    guard pid > 0, let line = try? readTextFile("/proc/\(pid)/stat"),
      let name = line.lastIndex(of: ")")
    else { return nil }
    // Behind the name come fields 3, 4 and so on (proc_pid_stat(5)).
    let fields = line[name...].split(separator: " ").dropFirst()
      .map { UInt64($0) ?? 0 }
    guard fields.count > 25, fields[25] > 1 else { return nil }
    parent = Int32(clamping: fields[1])
    stack = fields[25]
  }
}

/// The inode of the pipe that a process has as a descriptor.
private func pipe(ofProcess pid: Int32, _ number: Int32) -> ino_t? {
  var status = stat()
  guard stat("/proc/\(pid)/fd/\(number)", &status) == 0,
    status.st_mode & S_IFMT == S_IFIFO
  else { return nil }
  return status.st_ino
}

/// Whether a process has the end of a pipe that is read.
private func reads(_ pid: Int32, _ inode: ino_t) -> Bool {
  let directory = "/proc/\(pid)/fd"
  for name in (try? fileNames(in: directory)) ?? [] {
    guard let number = Int32(name), pipe(ofProcess: pid, number) == inode else {
      continue
    }
    // How it was opened is what may be done with the link (proc_pid_fd(5)).
    var link = stat()
    if lstat("\(directory)/\(name)", &link) == 0, link.st_mode & S_IRUSR != 0 {
      return true
    }
  }
  return false
}
