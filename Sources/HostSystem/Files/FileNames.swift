import SystemPackage

/// A path that names the same file in whatever directory a process is; symbolic
/// links stay as they are.
package func absolutePath(_ path: String) -> String {
  let path = FilePath(path)
  if path.isAbsolute { return path.lexicallyNormalized().string }
  guard let current = getcwd(nil, 0) else { return path.string }
  defer { free(current) }
  return FilePath(platformString: current).pushing(path).lexicallyNormalized()
    .string
}
