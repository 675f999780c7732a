import HostSystem
import PortLedger
import PortPicker
import SystemPackage

/// A text file with a block of environment variables, such as `.env`.
enum EnvironmentFile {
  /// A larger file is not an environment file.
  private static let sizeLimit = 1 << 24

  /// Replaces the block of a file (``EnvironmentBlock``), or appends one.
  ///
  /// Of a link, the target is changed. A file that does not exist is created. If the
  /// block is as it should be, nothing is written. The file is replaced as a whole; see
  /// ``FileReplacement`` for what it keeps.
  ///
  /// - Parameters:
  ///   - lines: The lines of the block, without line ends.
  ///   - path: The file.
  ///   - timeout: How long to wait for other processes that do the same.
  /// - Returns: Whether the file was changed.
  /// - Throws: ``PortPickerError/Code/invalidArgument`` if the file cannot have a block;
  ///   ``PortPickerError/Code/systemFailure`` if the system refuses. Nothing is changed
  ///   then.
  @discardableResult
  static func write(
    _ lines: [String], to path: String, timeout: Duration = .seconds(5)
  ) throws(PortPickerError) -> Bool {
    if path.isEmpty || path.utf8.contains(0) {
      throw PortPickerError(
        .invalidArgument,
        "the file to write is '\(printable(path))'; expected a path")
    }
    let deadline = Deadline(after: timeout)
    while true {
      switch attempt(lines, path, deadline) {
      case .success(let isChanged): return isChanged
      case .failure(let failure):
        if failure.isTemporary, !deadline.hasPassed { continue }
        throw failure.error(path)
      }
    }
  }

  fileprivate enum Failure: Error {
    case block(EnvironmentBlock.Problem)
    case file(FileReplacementError)
  }

  private static func attempt(
    _ lines: [String], _ path: String, _ deadline: Deadline
  ) -> Result<Bool, Failure> {
    do throws(FileReplacementError) {
      let file = try FileReplacement(
        of: path, limit: sizeLimit, until: deadline)
      let content: [UInt8]
      do {
        content = try EnvironmentBlock.replacing(in: file.content, with: lines)
      } catch {
        return .failure(.block(error))
      }
      if file.exists, content == file.content { return .success(false) }
      try file.replace(with: content)
      return .success(true)
    } catch {
      return .failure(.file(error))
    }
  }
}

extension EnvironmentFile.Failure {
  /// Whether another attempt may succeed, with what the file has become.
  fileprivate var isTemporary: Bool {
    if case .file(.changed) = self { return true }
    return false
  }

  fileprivate func error(_ path: String) -> PortPickerError {
    let path = printable(path)
    return switch self {
    case .block(let problem):
      PortPickerError(
        .invalidArgument, "'\(path)' is not changed: \(problem.text)")
    case .file(.system(let step, let errno)):
      PortPickerError(
        .systemFailure,
        "cannot \(step.text) '\(path)': \(errno); "
          + (errno.advice ?? step.advice(errno)), errno)
    case .file(let error):
      PortPickerError(
        .systemFailure, "'\(path)' is not changed: \(error.text)")
    }
  }
}

extension EnvironmentBlock.Problem {
  fileprivate var text: String {
    let begin = "'\(EnvironmentBlock.begin)'"
    let end = "'\(EnvironmentBlock.end)'"
    return switch self {
    case .notText:
      "it contains a NUL; expected text in UTF-8 or another encoding that "
        + "contains ASCII"
    case .secondBlock(let first, let second):
      "\(begin) is on line \(first) and on line \(second); expected one block: "
        + "remove the other"
    case .noEnd(let line):
      "\(begin) on line \(line) has no \(end) after it; add that line, or "
        + "remove the block"
    case .noBegin(let line):
      "\(end) on line \(line) has no \(begin) before it; add that line, or "
        + "remove the block"
    }
  }
}

extension FileReplacementError.Step {
  fileprivate var text: String {
    switch self {
    case .find: "find"
    case .read: "read"
    case .create: "create a temporary file beside"
    case .write: "write the new content of"
    case .keepAttributes: "keep the mode and attributes of"
    case .replace: "replace"
    }
  }

  fileprivate func advice(_ error: Errno) -> String {
    switch (self, error) {
    case (.find, .noSuchFileOrDirectory): "create its directory"
    case (.find, .notDirectory), (.find, .tooManySymbolicLinkLevels):
      "correct the path"
    case (.create, _): "make its directory writable"
    case (.replace, .resourceBusy):
      "it is mounted by itself: mount its directory instead"
    case (.replace, .notPermitted):
      "it may be immutable (lsattr(1)), or in a directory where only owners "
        + "may replace files"
    default: "give this user the permission to do that"
    }
  }
}

extension FileReplacementError {
  fileprivate var text: String {
    switch self {
    case .system(let step, let errno): "cannot \(step.text) it: \(errno)"
    case .directory: "it is a directory; name a file"
    case .notAFile: "it is a pipe, socket or device; name a file"
    case .hardLinks:
      "it has several names (hard links), and the others would keep the old "
        + "content; remove them, or use a symbolic link"
    case .readOnly: "it is read-only; make it writable (chmod u+w)"
    case .owner(let user, let group):
      "it belongs to user \(name(of: user)) and group \(group), and cannot be "
        + "replaced with a file that does; do it as its owner"
    case .tooLarge(let limit):
      "it has more than \(limit >> 20) MiB; name a text file of variables"
    case .locked(let pid?):
      "process \(pid) keeps its directory locked; if it was stopped, continue "
        + "it or end it"
    case .locked(nil):
      "its directory stays locked; /proc/locks lists the process"
    case .changed:
      "another program changes it again and again; stop that program"
    }
  }
}
