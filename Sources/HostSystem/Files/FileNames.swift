import CHostSystem
package import SystemPackage

/// The absolute form of a path.
///
/// Symbolic links are not resolved.
package func absolutePath(_ path: String) -> String {
  let path = FilePath(path)
  if path.isAbsolute { return path.lexicallyNormalized().string }
  guard let current = getcwd(nil, 0) else { return path.string }
  defer { free(current) }
  return FilePath(platformString: current).pushing(path).lexicallyNormalized()
    .string
}

/// Creates a directory that only this user may enter (mkdir(2)).
package func makePrivateDirectory(_ path: String) throws(Errno) {
  try systemCall { mkdir(path, 0o700) }
  // The umask does not apply here.
  _ = try systemCall { chmod(path, 0o700) }
}

/// Creates a directory that only this user may enter, and those that it is in, unless
/// they exist.
///
/// - Parameters:
///   - path: An absolute path.
///   - base: A directory that must exist already; the path begins with it.
/// - Throws: The error of mkdir(2).
package func makePrivateDirectories(
  _ path: String, in base: String
) throws(Errno) {
  var directory = FilePath(base)
  for name in FilePath(path).components.dropFirst(directory.components.count) {
    directory.append(name)
    do throws(Errno) {
      try makePrivateDirectory(directory.string)
    } catch {
      guard error == .fileExists else { throw error }
    }
  }
}

/// Waits until the names in a directory are on the disk (fsync(2)).
///
/// A file system that cannot do this for directories is not an error.
package func synchronizeDirectory(_ path: String) throws(Errno) {
  let directory = try Descriptor {
    open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  }
  do throws(Errno) {
    try systemCall { fsync(directory.raw.rawValue) }
  } catch {
    if error != .invalidArgument, error != .notSupported { throw error }
  }
}

/// Renames a file without replacing another (renameat2(2), `RENAME_NOREPLACE`).
///
/// - Throws: The error of renameat2(2): `Errno.fileExists` if the new name is taken.
package func renameFile(_ path: String, to new: String) throws(Errno) {
  _ = try systemCall { chs_rename_noreplace(path, new) }
}

/// Replaces the file at a path with the one at another path (rename(2)).
package func replaceFile(_ path: String, with new: String) throws(Errno) {
  _ = try systemCall { rename(new, path) }
}

/// Exchanges the names of two files atomically (renameat2(2), `RENAME_EXCHANGE`).
package func exchangeFiles(_ one: String, _ other: String) throws(Errno) {
  _ = try systemCall { chs_rename_exchange(one, other) }
}

/// The names of all entries of a directory (readdir(3)).
package func fileNames(in directory: String) throws(Errno) -> [String] {
  guard let stream = opendir(directory) else { throw Errno(rawValue: errno) }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    withUnsafePointer(to: &entry.pointee.d_name) { name in
      name.withMemoryRebound(to: CChar.self, capacity: 256) {
        names.append(String(cString: $0))
      }
    }
  }
  return names
}

/// Removes a file, if it exists (unlink(2)).
package func removeFile(_ path: String) throws(Errno) {
  do {
    try systemCall { unlink(path) }
  } catch {
    guard error == .noSuchFileOrDirectory else { throw error }
  }
}
