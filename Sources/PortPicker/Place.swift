import HostSystem
import SystemPackage

/// A directory that ports can belong to.
package struct Place: Hashable, Sendable {
  /// The canonical path (realpath(3)).
  package let path: String

  /// Whether it is in a main checkout: the nearest `.git` upwards is a directory, or no
  /// directory upwards contains one.
  ///
  /// Preferred ports are for main checkouts only.
  package let isMainCheckout: Bool

  private init(path: String, isMainCheckout: Bool) {
    self.path = path
    self.isMainCheckout = isMainCheckout
  }

  /// Finds a place.
  ///
  /// The search for `.ports` does not leave a linked worktree: if one is inside another
  /// checkout, it is a place of its own, whether or not it has a manifest.
  ///
  /// - Parameter directory: The place; `nil` for the nearest directory upwards from the
  ///   current one that contains `.ports`, else the nearest that contains `.git`, else
  ///   the current directory.
  /// - Throws: ``PortPickerError/Code/invalidArgument`` if it is not a directory, or its
  ///   path is not text of one line; ``PortPickerError/Code/systemFailure`` if the
  ///   current directory was removed, or a directory cannot be looked at.
  package init(at directory: String?) throws(PortPickerError) {
    guard let directory else {
      try self.init(upwardsFrom: Self.current())
      return
    }
    let path = try Self.canonical(directory)
    self.init(path: path, isMainCheckout: try Self.isMainCheckout(path))
  }

  /// The path of a place that need not exist any more, to forget its ports.
  ///
  /// - Parameter directory: The place, canonical as far as it exists; `nil` as for
  ///   ``init(at:)``.
  /// - Returns: An absolute path.
  /// - Throws: As ``init(at:)``, except that the directory need not exist.
  package static func path(
    ofFormer directory: String?
  ) throws(PortPickerError) -> String {
    guard let directory else { return try Place(at: nil).path }
    try requireText(directory)
    let path: String
    do {
      path = try canonicalPathOfMissing(directory)
    } catch {
      throw failure(directory, error)
    }
    try requireLine(path)
    return path
  }

  /// The file that the place's manifest has or would have.
  package var manifestPath: String { Manifest.path(at: path) }

  /// Whether a directory is this place or inside of it.
  ///
  /// - Parameter directory: A canonical path.
  /// - Returns: Whether it is, by whole components.
  package func contains(_ directory: String) -> Bool {
    Self.contains(path, directory)
  }

  /// Whether a canonical path is another one or inside of it, by whole components.
  static func contains(_ path: String, _ directory: String) -> Bool {
    // Swift compares characters, and would take decomposed ones for the same.
    let path = path == "/" ? "".utf8 : path.utf8
    let directory = directory.utf8
    guard directory.starts(with: path) else { return false }
    let rest = directory.dropFirst(path.count)
    return rest.isEmpty || rest.first == UInt8(ascii: "/")
  }
}

// MARK: - Search

extension Place {
  /// Finds the place of the directory with a canonical path.
  init(upwardsFrom directory: String) throws(PortPickerError) {
    let place = try Self.search(upwardsFrom: directory)
    self.init(
      path: place, isMainCheckout: try Self.isMainCheckout(place))
  }

  private static func search(
    upwardsFrom directory: String
  ) throws(PortPickerError) -> String {
    var checkout: String?
    for path in upwards(from: directory) {
      if try exists(Manifest.path(at: path)) { return path }
      guard checkout == nil, let git = try git(in: path) else { continue }
      checkout = path
      if git == .linkedWorktree { break }
    }
    return checkout ?? directory
  }

  /// What the entry `.git` of a directory is.
  private enum Git {
    case directory
    /// A file that leads to a repository's data on a linked worktree.
    case linkedWorktree
    /// Another file, such as that of a submodule.
    case file
  }

  private static func isMainCheckout(
    _ directory: String
  ) throws(PortPickerError) -> Bool {
    for path in upwards(from: directory) {
      if let git = try git(in: path) { return git == .directory }
    }
    return true
  }

  /// Whether a directory is the root of a linked worktree (git-worktree(1)).
  ///
  /// - Returns: `false` also if it cannot be determined.
  static func isLinkedWorktree(_ directory: String) -> Bool {
    (try? git(in: directory)) == .linkedWorktree
  }

  private static func git(in directory: String) throws(PortPickerError) -> Git?
  {
    let path = join(directory, ".git")
    guard try exists(path) else { return nil }
    if (try? Stat(path).type) == .directory { return .directory }
    // gitdir: /repository/.git/worktrees/NAME
    guard let bytes = try? readRegularFile(path, limit: 1 << 14) else {
      return .file
    }
    let line = String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
    let prefix = "gitdir:"
    let parts = line.split(separator: "/")
    guard line.hasPrefix(prefix), parts.count >= 2,
      parts[parts.count - 2] == "worktrees"
    else { return .file }
    return .linkedWorktree
  }

  /// A directory and those that it is in, from the inside to `/`.
  static func upwards(from directory: String) -> some Sequence<String> {
    sequence(first: directory) { path in
      if path == "/" { return nil }
      let parent = path.utf8.lastIndex(of: UInt8(ascii: "/")).map {
        String(path[..<$0])
      }
      return parent.map { $0.isEmpty ? "/" : $0 }
    }
  }

  /// Whether a directory has an entry, even a link that leads nowhere.
  ///
  /// In a directory that may not be searched, it has not.
  private static func exists(_ path: String) throws(PortPickerError) -> Bool {
    do {
      _ = try Stat(ofLink: path)
      return true
    } catch {
      switch error {
      case .noSuchFileOrDirectory, .notDirectory, .permissionDenied,
        .fileNameTooLong:
        return false
      default:
        throw PortPickerError(
          .systemFailure,
          "cannot look at '\(printable(path))': \(error); name the place "
            + "(--at DIR)", error)
      }
    }
  }

  static func join(_ directory: String, _ name: String) -> String {
    directory == "/" ? "/\(name)" : "\(directory)/\(name)"
  }
}

// MARK: - Paths

extension Place {
  private static func current() throws(PortPickerError) -> String {
    let path: String
    do {
      path = try currentDirectory()
    } catch {
      throw failure(nil, error)
    }
    try requireLine(path)
    return path
  }

  private static func canonical(
    _ directory: String
  ) throws(PortPickerError) -> String {
    try requireText(directory)
    let path: String
    do throws(Errno) {
      path = try canonicalPath(directory)
      guard try Stat(path).type == .directory else { throw .notDirectory }
    } catch {
      throw failure(directory, error)
    }
    try requireLine(path)
    return path
  }

  private static func requireText(
    _ directory: String
  ) throws(PortPickerError) {
    if directory.isEmpty {
      throw PortPickerError(
        .invalidArgument, "the place is ''; expected a directory")
    }
    if directory.utf8.contains(0) {
      throw failure(directory, .illegalByteSequence)
    }
  }

  /// Refuses a path that would not fit on a line of the file of claims.
  private static func requireLine(_ path: String) throws(PortPickerError) {
    guard path.utf8.contains(0x0A) else { return }
    throw PortPickerError(
      .invalidArgument,
      "the place '\(printable(path))' has a line feed in its path; expected a "
        + "path of one line: rename the directory")
  }

  /// The error of looking at a directory; `nil` stands for the current one.
  private static func failure(
    _ directory: String?, _ error: Errno
  ) -> PortPickerError {
    guard let directory else {
      switch error {
      case .noSuchFileOrDirectory:
        return PortPickerError(
          .systemFailure,
          "the current directory does not exist any more; change to one that "
            + "exists, or name the place (--at DIR)", error)
      case .illegalByteSequence:
        return PortPickerError(
          .invalidArgument,
          "the path of the current directory is not valid UTF-8; rename the "
            + "directory", error)
      default:
        return PortPickerError(
          .systemFailure,
          "the path of the current directory cannot be determined: \(error); "
            + "name the place (--at DIR)", error)
      }
    }
    let place = "the place '\(printable(directory))'"
    let problem =
      switch error {
      case .noSuchFileOrDirectory: "does not exist; expected a directory"
      case .notDirectory: "is not a directory; name a directory"
      case .illegalByteSequence:
        "has a path that is not valid UTF-8; rename the directory"
      default:
        "cannot be looked at: \(error); name a directory that you may search"
      }
    return PortPickerError(.invalidArgument, "\(place) \(problem)", error)
  }
}
