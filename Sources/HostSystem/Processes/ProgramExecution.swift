package import SystemPackage

/// A program that replaces this process.
package struct ProgramExecution {
  /// The program's name or path, followed by its arguments.
  ///
  /// They are bytes, because they need not be UTF-8.
  package var arguments: [[UInt8]]
  /// Variables to set, or to unset if the value is `nil`.
  package var environment: [(name: String, value: String?)] = []
  /// Sockets to pass, from descriptor 3 on, and their names, as a service manager
  /// passes them (sd_listen_fds(3)).
  package var sockets: [(socket: FileDescriptor, name: String)] = []

  package init(arguments: [[UInt8]]) {
    self.arguments = arguments
  }

  /// Replaces this process with the program (execve(2)), which keeps the pid.
  ///
  /// A name without a slash is searched for in `PATH` (execvp(3)). Descriptors whose
  /// numbers are needed for the sockets are closed.
  ///
  /// - Returns: The error. The method returns only if it fails.
  package func run() -> Errno {
    for (name, value) in environment {
      if let value { setenv(name, value, 1) } else { unsetenv(name) }
    }
    if !sockets.isEmpty {
      do {
        try passSockets()
      } catch {
        return error
      }
    }
    restoreFileSizeSignal()
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map {
      strdup($0.map { CChar(truncatingIfNeeded: $0) } + [0])
    }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    guard let name = pointers[0] else { return .noSuchFileOrDirectory }
    execvp(name, pointers)
    return Errno(rawValue: errno)
  }

  private func passSockets() throws(Errno) {
    let first: Int32 = 3
    // Move them to higher numbers first, so that none overwrites another.
    var sources: [Int32] = []
    for (socket, _) in sockets {
      sources.append(
        try systemCall {
          fcntl(
            socket.rawValue, F_DUPFD_CLOEXEC, first + Int32(sockets.count))
        })
    }
    for (index, source) in sources.enumerated() {
      // dup2(2) clears close-on-exec, so the copy stays open in the program.
      try systemCall { dup2(source, first + Int32(index)) }
    }
    setenv("LISTEN_FDS", "\(sockets.count)", 1)
    setenv("LISTEN_PID", "\(getpid())", 1)
    setenv("LISTEN_FDNAMES", sockets.map(\.name).joined(separator: ":"), 1)
  }
}
