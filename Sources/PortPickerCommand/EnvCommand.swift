import ArgumentParser
import HostSystem
import PortPicker

/// `portpicker env`: the ports of a project's names as environment variables.
struct EnvCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "env",
    abstract: "Print the ports of a project's names as environment variables.",
    discussion: """
      The names are those of the file .ports, which a project has at its root. Those \
      that are new are claimed, all or none. Without that file, they are the names \
      that the directory has already.

        eval "$(portpicker env --format export)"
        portpicker env --write .env

      The file .ports has a name on each line:

        web      prefer=3000 env=PORT   # the main checkout gets 3000 if it can
        api                             # sets API_PORT
        workers  count=10               # ten ports in a row

      With --write, only the block of lines between portpicker's own marks is \
      changed; a file that has none gets it at its end. The format github adds the \
      variables to the file that GITHUB_ENV names, and prints nothing.

      Exit status: 0 on success; 1 if there are no names, or if a port cannot be \
      claimed, in which case no port is; 64 if an argument or .ports is invalid.
      """)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "dotenv, export, json, github or direnv. (default: dotenv)",
      valueName: "FORMAT"),
    completion: .list(EnvironmentFormat.allCases.map(\.rawValue)),
    transform: Self.format)
  var format: EnvironmentFormat?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write the variables to this file, in its block.", valueName: "FILE"),
    completion: .file())
  var write: String?

  @OptionGroup var claim: ClaimOptions

  private static func format(_ text: String) throws -> EnvironmentFormat {
    guard let format = EnvironmentFormat(rawValue: text) else {
      throw ValidationError("expected dotenv, export, json, github or direnv")
    }
    return format
  }

  func validate() throws {
    if write != nil, let format, format != .dotenv {
      throw ValidationError("--write requires the format dotenv")
    }
  }

  func run() throws {
    let place = try Place(at: claim.place.directory)
    guard let write else {
      try Self.printVariables(
        at: place, as: format ?? .dotenv, claim.options)
      return
    }
    let variables = try Self.variables(at: place, claim.options)
    try EnvironmentFile.write(
      EnvironmentFormat.dotenv.lines(variables, manifest: place.manifestPath),
      to: write, timeout: claim.options.timeout)
  }

  static func printVariables() throws(PortPickerError) {
    try printVariables(at: Place(at: nil), as: .dotenv, NamedPortOptions())
  }

  private static func printVariables(
    at place: Place, as format: EnvironmentFormat, _ options: NamedPortOptions
  ) throws(PortPickerError) {
    let variables = try variables(at: place, options)
    if format == .github {
      try addToGitHubEnvironment(
        format.text(variables, manifest: place.manifestPath))
    } else {
      try print(
        format.lines(variables, manifest: place.manifestPath)
          .joined(separator: "\n"))
    }
  }

  /// The variables of the manifest's names or, without one, of those that the place
  /// has.
  private static func variables(
    at place: Place, _ options: NamedPortOptions
  ) throws(PortPickerError) -> NamedPortVariables {
    let manifest = try Manifest.read(at: place.path)
    let ports =
      if let manifest {
        try namedPorts(of: manifest, at: place.path, options: options)
      } else {
        try namedPorts(at: place.path)
      }
    if ports.isEmpty {
      throw PortPickerError(
        .systemFailure,
        (manifest == nil
          ? "\(place.path) has no names and no file .ports"
          : "\(place.manifestPath) lists no names")
          + "; write a name on each line of .ports, or claim one: portpicker "
          + "name web")
    }
    return try NamedPortVariables(ports, manifest: manifest)
  }
}
