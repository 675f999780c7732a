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
    public var variable: String

    /// How many consecutive ports the name has; `nil` for one.
    public var count: Int?
  }

  /// The entries, in the order of the lines.
  public var entries: [Entry]

  /// Parses the content of a manifest.
  ///
  /// - Parameters:
  ///   - text: The content.
  ///   - path: The file that errors name.
  /// - Throws: ``PortPickerError/Code/invalidArgument``, with the file and line.
  public init(
    parsing text: String, from path: String = ".ports"
  ) throws(PortPickerError) {
    throw PortPickerError(.systemFailure, "manifests are not available")
  }

  /// Reads the manifest of a place.
  ///
  /// - Parameter place: A directory.
  /// - Returns: `nil` if it has no `.ports`.
  /// - Throws: ``PortPickerError/Code/invalidArgument`` if the file is invalid, with
  ///   the file and line; ``PortPickerError/Code/systemFailure`` if it cannot be read.
  public static func read(
    at place: String
  ) throws(PortPickerError) -> Manifest? {
    throw PortPickerError(.systemFailure, "manifests are not available")
  }
}
