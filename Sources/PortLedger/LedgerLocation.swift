package import HostSystem
import SystemPackage

/// Where a ledger is.
package struct LedgerLocation: Hashable, Sendable {
  /// The file.
  package let path: String
  /// The directory of this user's that the file is in; `nil` where the user
  /// named the file and its directory is the user's business.
  let privateDirectory: String?
  /// The better directory that could not be used, if there was one.
  let unusable: String?

  /// Whether it is the one place for a user, and not a file that was named.
  var isPrivate: Bool { privateDirectory != nil }

  /// A file that the user named.
  ///
  /// - Throws: `relativePath`.
  package init(namedByUser path: String) throws(LeasingError) {
    guard path.hasPrefix("/") else {
      throw .ledger(.relativePath, path: path)
    }
    self.path = path
    privateDirectory = nil
    unusable = nil
  }

  /// The ledger of a server: one for an address, in a directory.
  ///
  /// - Parameters:
  ///   - address: The server's address.
  ///   - directory: An existing directory that is the server's own.
  package init(ofServerAt address: UnixAddress, in directory: String) {
    path = "\(directory)/\(Self.name(ofServerAt: address))"
    privateDirectory = nil
    unusable = nil
  }

  /// The ledger of a server: one for an address, where a user's ledgers are.
  ///
  /// - Parameters:
  ///   - address: The server's address.
  ///   - user: The server's user.
  ///   - context: As for ``init(ofUser:context:parents:)``.
  /// - Throws: As that.
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
    privateDirectory = other.privateDirectory
    unusable = other.unusable
  }

  /// The pid namespace in the name of a ledger that processes share.
  ///
  /// - Parameter name: The name of a file.
  /// - Returns: `nil` where it is not such a name.
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

  /// A file's name for an address: what can be read of it, and a number that
  /// tells it from the others.
  private static func name(ofServerAt address: UnixAddress) -> String {
    let text = address.isAbstract ? address.text : absolutePath(address.text)
    let readable = text.unicodeScalars.map { scalar in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", ".", "_": Character(scalar)
      default: "-" as Character
      }
    }
    // FNV-1a: it need not withstand anybody, for whoever chooses the address
    // chooses the file as well.
    var number: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.utf8 {
      number = (number ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }
    return "server-\(String(readable.suffix(64)))-"
      + String(number, radix: 16)
  }

  /// The one place for a user, whatever the environment says.
  ///
  /// The directory is made if it has to be. The next parent is tried only
  /// where one is missing or cannot be written to, which is so for all
  /// of the user's processes; where something is in the way, that is an
  /// error, for otherwise whoever put it there could part the user's
  /// processes into two groups that do not know of each other.
  ///
  /// - Parameters:
  ///   - user: The user.
  ///   - context: Its namespaces become part of the file's name.
  ///   - parents: Where the directory may be, the best first.
  /// - Throws: `noPlace`, or what is in the way.
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

  /// - Returns: Whether there can be such a directory.
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
      status = try Stat(directory, followTargetSymlink: false)
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

  /// Makes the directory again if it was removed.
  func restoreDirectory() throws(LeasingError) {
    guard let privateDirectory else { return }
    guard try Self.prepare(privateDirectory, for: effectiveUserID()) else {
      throw .ledger(.noPlace, path: privateDirectory)
    }
  }
}
