package import SystemPackage

/// A program that this process is to become.
package struct ProgramExecution {
  /// Its name or path, and its arguments, the first of which is the name again;
  /// bytes, for neither has to be UTF-8.
  package var arguments: [[UInt8]]
  /// Variables to set, or, for `nil`, to unset.
  package var environment: [(name: String, value: String?)] = []
  /// Sockets to hand over, from descriptor 3 on, as a service manager does it
  /// (sd_listen_fds(3)), and their names.
  package var sockets: [(socket: FileDescriptor, name: String)] = []

  package init(arguments: [[UInt8]]) {
    self.arguments = arguments
  }

  /// Becomes the program: this process goes on as it, with the same pid.
  ///
  /// That is execve(2). A name without a slash is looked for in `PATH` (execvp(3)).
  ///
  /// What descriptors 3 and up were is closed where sockets are handed over there.
  ///
  /// - Returns: Only where it cannot: why not.
  package func run() -> Errno {
    for (name, value) in environment {
      if let value { setenv(name, value, 1) } else { unsetenv(name) }
    }
    if !sockets.isEmpty {
      do {
        try handOverSockets()
      } catch {
        return error
      }
    }
    restoreFileSizeLimit()
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map {
      strdup($0.map { CChar(truncatingIfNeeded: $0) } + [0])
    }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    guard let name = pointers[0] else { return .noSuchFileOrDirectory }
    execvp(name, pointers)
    return Errno(rawValue: errno)
  }

  private func handOverSockets() throws(Errno) {
    let first: Int32 = 3
    // Out of the way first, lest one of them is overwritten by another.
    var sources: [Int32] = []
    for (socket, _) in sockets {
      sources.append(
        try systemCall {
          fcntl(
            socket.rawValue, F_DUPFD_CLOEXEC, first + Int32(sockets.count))
        })
    }
    for (index, source) in sources.enumerated() {
      // The copy stays open in the program: dup2(2) makes it so.
      try systemCall { dup2(source, first + Int32(index)) }
    }
    setenv("LISTEN_FDS", "\(sockets.count)", 1)
    setenv("LISTEN_PID", "\(getpid())", 1)
    setenv("LISTEN_FDNAMES", sockets.map(\.name).joined(separator: ":"), 1)
  }
}

/// The last of the arguments that this process was started with, byte for byte.
///
/// - Parameter count: How many.
/// - Returns: Their bytes; fewer where there were fewer.
package func lastArguments(_ count: Int) -> [[UInt8]] {
  let all = CommandLine.unsafeArgv
  let total = Int(CommandLine.argc)
  return (max(total - count, 0)..<total).compactMap { index in
    all[index].map { argument in
      UnsafeBufferPointer(start: argument, count: strlen(argument))
        .map { UInt8(truncatingIfNeeded: $0) }
    }
  }
}
