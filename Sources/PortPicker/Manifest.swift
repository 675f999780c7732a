import HostSystem
import PortLeasing
import PortLedger
import SystemPackage

/// The names of a project's ports: the content of its `.ports` file.
///
/// ```
/// web       prefer=3000  env=PORT     # the main checkout gets 3000 if it can
/// db        env=POSTGRES_PORT
/// workers   count=10
/// ```
///
/// Each line has one name and its settings. `#` begins a comment.
public struct Manifest: Hashable, Sendable {
  /// A name and its settings.
  public struct Entry: Hashable, Sendable {
    /// The name: a lowercase letter, then up to 62 lowercase letters, digits and `-`.
    public var name: String

    /// The port, or the first port of the block, that the main checkout gets if it is
    /// available when the name is first claimed.
    public var preferredPort: Int?

    /// The environment variable that `portpicker env` sets; by default, the name in
    /// uppercase, with `_` for `-`, and `_PORT`.
    ///
    /// A block also has this variable with `_1`, `_2` and so on, and with `_COUNT`.
    public var variable: String

    /// How many consecutive ports the name has; `nil` for one.
    public var count: Int?

    /// Creates an entry.
    ///
    /// - Parameters:
    ///   - name: See ``name``.
    ///   - preferredPort: See ``preferredPort``.
    ///   - variable: See ``variable``; `nil` for the default.
    ///   - count: See ``count``.
    public init(
      _ name: String, preferredPort: Int? = nil, variable: String? = nil,
      count: Int? = nil
    ) {
      self.name = name
      self.preferredPort = preferredPort
      self.variable = variable ?? PortName(name)?.variable ?? ""
      self.count = count
    }
  }

  /// The entries, in the order of the lines.
  public var entries: [Entry]

  /// Creates a manifest.
  ///
  /// What is wrong with its entries is an error when their ports are claimed.
  ///
  /// - Parameter entries: See ``entries``.
  public init(entries: [Entry]) {
    self.entries = entries
  }

  /// Parses the content of a manifest.
  ///
  /// Names and settings are separated by spaces and tabs. A line may end with CRLF, and
  /// a byte order mark at the beginning is ignored.
  ///
  /// - Parameters:
  ///   - text: The content.
  ///   - path: The file that errors name.
  /// - Throws: ``PortPickerError/Code/invalidArgument``, with the file and line.
  public init(
    parsing text: String, from path: String = ".ports"
  ) throws(PortPickerError) {
    try self.init(parsing: Array(text.utf8), from: path)
  }

  /// Reads the manifest of a place.
  ///
  /// - Parameter place: A directory.
  /// - Returns: `nil` if it has no `.ports`.
  /// - Throws: ``PortPickerError/Code/invalidArgument`` if the file is invalid, with
  ///   the file and line, or larger than 1 MiB;
  ///   ``PortPickerError/Code/systemFailure`` if it cannot be read.
  public static func read(
    at place: String
  ) throws(PortPickerError) -> Manifest? {
    let path = path(at: place)
    let bytes: [UInt8]
    do {
      bytes = try readRegularFile(path, limit: sizeLimit)
    } catch {
      if error == .noSuchFileOrDirectory, !isLink(path) { return nil }
      throw unreadable(path, error)
    }
    return try Manifest(parsing: bytes, from: path)
  }

  /// The name of a manifest's file.
  package static let fileName = ".ports"

  /// The file that the manifest of a place is in.
  static func path(at place: String) -> String { Place.join(place, fileName) }

  private static let sizeLimit = 1 << 20

  private static func isLink(_ path: String) -> Bool {
    (try? Stat(ofLink: path).type) == .symbolicLink
  }

  private static func unreadable(
    _ path: String, _ error: Errno
  ) -> PortPickerError {
    let path = "the manifest '\(printable(path))'"
    return
      switch error
    {
    case .isDirectory:
      PortPickerError(
        .systemFailure,
        "\(path) is a directory; expected a text file: rename or remove it",
        error)
    case .notSupported:
      PortPickerError(
        .systemFailure,
        "\(path) is a pipe, socket or device; expected a text file: remove it",
        error)
    case .fileTooLarge:
      PortPickerError(
        .invalidArgument,
        "\(path) is larger than 1 MiB; expected one name a line", error)
    case .noSuchFileOrDirectory:
      PortPickerError(
        .systemFailure,
        "\(path) is a link whose target does not exist; correct or remove it",
        error)
    default:
      PortPickerError(
        .systemFailure,
        "\(path) cannot be read: \(error); "
          + (error.advice ?? "make it readable, or remove it"), error)
    }
  }
}
