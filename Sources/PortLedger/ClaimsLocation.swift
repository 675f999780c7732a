import HostSystem
import PortLeasing
import SystemPackage

/// The location of a user's claims file.
package struct ClaimsLocation: Hashable, Sendable {
  /// The file.
  package let path: String

  /// The directory that must exist, below which the file's directory is created; `nil`
  /// if the user named the file.
  private let base: String?

  /// A file that the user named.
  ///
  /// - Throws: ``ClaimsProblem/relativePath``.
  package init(namedByUser path: String) throws(ClaimsError) {
    guard path.hasPrefix("/") else { throw .file(.relativePath, path: path) }
    self.path = path
    base = nil
  }

  /// The default location: in `STATE/portpicker`, a file for this machine, because home
  /// directories are shared by machines.
  ///
  /// - Parameters:
  ///   - stateHome: The value of `XDG_STATE_HOME`. A relative path is ignored (XDG Base
  ///     Directory Specification).
  ///   - home: The value of `HOME`. If it is not an absolute path, the home directory
  ///     in `/etc/passwd` is used.
  ///   - user: The user.
  ///   - machine: See ``machineName()``.
  /// - Throws: ``ClaimsProblem/noHome(user:)``.
  package init(
    stateHome: String?, home: String?, user: UInt32,
    machine: String = machineName()
  ) throws(ClaimsError) {
    let state: String
    if let stateHome, stateHome.hasPrefix("/") {
      state = stateHome
      base = "/"
    } else {
      let named = home.flatMap { $0.hasPrefix("/") ? $0 : nil }
      guard let home = named ?? homeDirectory(of: user), home.hasPrefix("/")
      else { throw .file(.noHome(user: user), path: "") }
      state = FilePath(home).appending(".local").appending("state").string
      base = home
    }
    path =
      FilePath(state).appending("portpicker").appending("claims-\(machine)")
      .string
  }

  /// The name of this machine in the name of the file: `/etc/machine-id`
  /// (machine-id(5)), else the host name.
  package static func machineName() -> String {
    let text = (try? readTextFile("/etc/machine-id", limit: 64)) ?? ""
    let identifier = text.prefix { !$0.isNewline }.utf8
    let isIdentifier =
      identifier.count == 32
      && identifier.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
      }
    if isIdentifier { return String(identifier) ?? "" }
    let host = hostName().flatMap { $0.isEmpty ? nil : $0 } ?? "localhost"
    return String(
      host.unicodeScalars.map { scalar in
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", ".", "-": Character(scalar)
        default: "-" as Character
        }
      })
  }

  /// The file that the path leads to, also through symbolic links.
  ///
  /// A link is followed so that the file itself is replaced, and not the link.
  func resolved() throws(ClaimsError) -> String {
    do {
      return try canonicalPathOfMissing(path)
    } catch {
      throw .file(.system(error), path: path)
    }
  }

  /// Creates the directory, unless the user named the file.
  func makeDirectory() throws(ClaimsError) {
    guard let base else { return }
    let directory = FilePath(path).removingLastComponent().string
    do {
      try makePrivateDirectories(directory, in: base)
    } catch {
      throw .file(.system(error), path: directory)
    }
  }
}
