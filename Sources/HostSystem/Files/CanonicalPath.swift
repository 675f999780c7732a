package import SystemPackage

/// The canonical path of an existing file or directory (realpath(3)).
///
/// - Parameter path: An absolute path, or one relative to the current directory.
/// - Returns: The canonical path.
/// - Throws: The error of realpath(3); `Errno.illegalByteSequence` if the canonical
///   path is not valid UTF-8, or `path` contains a NUL.
package func canonicalPath(_ path: String) throws(Errno) -> String {
  if path.utf8.contains(0) { throw .illegalByteSequence }
  return try text { realpath(path, nil) }
}

/// The canonical path of a file or directory, of which only the beginning need exist.
///
/// The links in it are resolved, also the last one if its target does not exist. Where
/// the path stops existing, the rest is taken as it is written, without `.` and `..`.
///
/// - Parameter path: An absolute path, or one relative to the current directory.
/// - Returns: An absolute path.
/// - Throws: `Errno.tooManySymbolicLinkLevels`; `Errno.illegalByteSequence` as
///   ``canonicalPath(_:)``; for a relative path, the error of getcwd(3).
package func canonicalPathOfMissing(_ path: String) throws(Errno) -> String {
  var path = path
  // As many links as the kernel follows (path_resolution(7)).
  for _ in 0..<40 {
    do {
      return try canonicalPath(path)
    } catch {
      if error == .illegalByteSequence { throw error }
    }
    var start = FilePath(path)
    if !start.isAbsolute {
      start = FilePath(try currentDirectory()).pushing(start)
    }
    start.lexicallyNormalize()
    var rest: [FilePath.Component] = []
    while let last = start.lastComponent {
      rest.append(last)
      start.removeLastComponent()
      guard let existing = try? canonicalPath(start.string) else { continue }
      start = FilePath(existing)
      break
    }
    guard let first = rest.popLast() else { return start.string }
    let link = start.appending(first)
    var whole = link
    if let target = try? linkTarget(of: link.string, limit: Int(PATH_MAX)) {
      whole = start.pushing(FilePath(target))
    } else {
      for component in rest.reversed() { whole.append(component) }
      return whole.string
    }
    for component in rest.reversed() { whole.append(component) }
    path = whole.string
  }
  throw .tooManySymbolicLinkLevels
}

/// The canonical path of the current directory (getcwd(3)).
///
/// - Throws: The error of getcwd(3): `Errno.noSuchFileOrDirectory` if the directory was
///   removed; `Errno.illegalByteSequence` if the path is not valid UTF-8.
package func currentDirectory() throws(Errno) -> String {
  try text { getcwd(nil, 0) }
}

/// The text that a function of the C library has allocated.
private func text(
  _ call: () -> UnsafeMutablePointer<CChar>?
) throws(Errno) -> String {
  guard let bytes = call() else { throw Errno(rawValue: errno) }
  defer { free(bytes) }
  guard let text = String(validatingCString: bytes) else {
    throw .illegalByteSequence
  }
  return text
}
