package import HostSystem
import PortLeasing
import SystemPackage

/// The location of a ledger.
package struct LedgerLocation: Hashable, Sendable {
  /// The file.
  package let path: String
  /// The user's own directory that contains the file; `nil` if the user named the
  /// file.
  let privateDirectory: String?
  /// The preferred parent directory, if it could not be used.
  let unusable: String?

  /// Whether the user named the file.
  let isNamedByUser: Bool

  /// Whether it is in the user's own directory.
  var isPrivate: Bool { privateDirectory != nil }

  /// A file that the user named.
  ///
  /// - Throws: ``LedgerProblem/relativePath``.
  package init(namedByUser path: String) throws(LeasingError) {
    guard path.hasPrefix("/") else {
      throw .ledger(.relativePath, path: path)
    }
    self.path = path
    isNamedByUser = true
    privateDirectory = nil
    unusable = nil
  }

  /// The ledger of a server at an address, in a directory.
  ///
  /// - Parameters:
  ///   - address: The server's address.
  ///   - directory: An existing directory of the server.
  package init(ofServerAt address: UnixAddress, in directory: String) {
    path = "\(directory)/\(Self.name(ofServerAt: address))"
    isNamedByUser = false
    privateDirectory = nil
    unusable = nil
  }

  /// The ledger of a server at an address, in the directory of a user's ledgers.
  ///
  /// - Parameters:
  ///   - address: The server's address.
  ///   - user: The server's user.
  ///   - context: As for ``init(ofUser:context:parents:)``.
  /// - Throws: The same errors.
  package init(
    ofServerAt address: UnixAddress, user: UInt32, context: LedgerContext
  ) throws(LeasingError) {
    try self.init(
      Self.name(ofServerAt: address), ofUser: user, context: context,
      parents: ["/dev/shm", "/tmp"])
  }

  /// A file in the same directory as another ledger.
  init(of path: String, besides other: LedgerLocation) {
    self.path = path
    isNamedByUser = false
    privateDirectory = other.privateDirectory
    unusable = other.unusable
  }

  /// The pid namespace in the file name of a user's ledger.
  ///
  /// - Parameter name: The name of a file.
  /// - Returns: `nil` if it is not the name of a user's ledger.
  static func processNamespace(inName name: String) -> Namespace? {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard 3...4 ~= parts.count, parts[0] == "ledger",
      identifier(parts[1], after: "net") != nil,
      let process = identifier(parts[2], after: "pid"),
      parts.count == 3 || identifier(parts[3], after: "time") != nil
    else { return nil }
    return Namespace(identifier: process)
  }

  private static func identifier(
    _ part: Substring, after kind: String
  ) -> UInt32? {
    part.hasPrefix(kind) ? UInt32(part.dropFirst(kind.count)) : nil
  }

  /// The file name for an address: its readable part, and its hash.
  private static func name(ofServerAt address: UnixAddress) -> String {
    let text = address.isAbstract ? address.text : absolutePath(address.text)
    let readable = text.unicodeScalars.map { scalar in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", ".", "_": Character(scalar)
      default: "-" as Character
      }
    }
    // The hash need not resist attacks: who chooses the address also chooses the file.
    var hash = FNV1a()
    hash.add(text.utf8)
    return "server-\(String(readable.suffix(64)))-"
      + String(hash.value, radix: 16)
  }

  /// The default location for a user, independent of the environment.
  ///
  /// The directory is created if necessary. The next parent is tried only if one is
  /// missing or not writable, because all of the user's processes then do the same. Any
  /// other failure is an error. Otherwise, another user could cause it for some of the
  /// processes only, which would then use a different ledger than the rest.
  ///
  /// - Parameters:
  ///   - user: The user.
  ///   - context: Its namespaces become part of the file name.
  ///   - parents: The directories that may contain the user's directory, the
  ///     preferred one first.
  /// - Throws: ``LedgerProblem/noPlace``, or the problem with the directory.
  package init(
    ofUser user: UInt32, context: LedgerContext,
    parents: [String] = ["/dev/shm", "/tmp"]
  ) throws(LeasingError) {
    try self.init("ledger", ofUser: user, context: context, parents: parents)
  }

  private init(
    _ name: String, ofUser user: UInt32, context: LedgerContext,
    parents: [String]
  ) throws(LeasingError) {
    for parent in parents {
      let directory = "\(parent)/portpicker-\(user)"
      guard try Self.prepare(directory, for: user) else { continue }
      isNamedByUser = false
      privateDirectory = directory
      unusable = parent == parents.first ? nil : parents.first
      path =
        "\(directory)/\(name)-net\(context.network.identifier)"
        + "-pid\(context.process.identifier)"
        + (context.time == .hostTime ? "" : "-time\(context.time.identifier)")
      return
    }
    throw .ledger(.noPlace, path: parents.joined(separator: " nor in "))
  }

  /// Creates or checks a user's directory.
  ///
  /// - Returns: Whether the parent can be used.
  private static func prepare(
    _ directory: String, for user: UInt32
  ) throws(LeasingError) -> Bool {
    do {
      try makePrivateDirectory(directory)
      return true
    } catch {
      switch error {
      case .fileExists: break
      case .noSuchFileOrDirectory, .notDirectory, .permissionDenied,
        .notPermitted, .readOnlyFileSystem:
        return false
      default: throw .ledger(.system(error), path: directory)
      }
    }
    let status: Stat
    do {
      status = try Stat(ofLink: directory)
    } catch {
      throw .ledger(.system(error), path: directory)
    }
    guard status.type == .directory else {
      throw .ledger(.notADirectory, path: directory)
    }
    guard status.userID.rawValue == user else {
      throw .ledger(
        .foreignDirectory(owner: status.userID.rawValue), path: directory)
    }
    guard status.permissions.isDisjoint(with: [.groupWrite, .otherWrite]) else {
      throw .ledger(.openDirectory, path: directory)
    }
    return true
  }

  /// Creates the directory again if it was removed.
  func restoreDirectory() throws(LeasingError) {
    guard let privateDirectory else { return }
    guard try Self.prepare(privateDirectory, for: effectiveUserID()) else {
      throw .ledger(.noPlace, path: privateDirectory)
    }
  }
}
