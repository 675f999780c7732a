package import SystemPackage

extension Stat {
  /// The status of a file; for a symbolic link, that of the link (lstat(2)).
  ///
  /// The initializer of SystemPackage does the same, but its result has a generic type,
  /// and looking that up took a seventh of the instructions of the command.
  ///
  /// - Throws: The error of lstat(2).
  package init(ofLink path: String) throws(Errno) {
    var status = stat()
    try systemCall { path.withCString { lstat($0, &status) } }
    self.init(rawValue: status)
  }
}
