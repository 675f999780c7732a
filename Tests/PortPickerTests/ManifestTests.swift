import Foundation
import PortPicker
import TestSupport
import Testing

struct ManifestTests {
  @Test
  func `A manifest is parsed`() throws {
    let manifest = try Manifest(
      parsing: """
        # Ports of the project
        web       prefer=3000  env=PORT     # the main checkout
        \tapi\tprefer=3001

        db        env=POSTGRES_PORT#note
        workers   count=10
        api-v2    count=2 prefer=4000 env=_x9
        """)
    #expect(
      manifest.entries == [
        .init("web", preferredPort: 3000, variable: "PORT"),
        .init("api", preferredPort: 3001),
        .init("db", variable: "POSTGRES_PORT"),
        .init("workers", count: 10),
        .init("api-v2", preferredPort: 4000, variable: "_x9", count: 2),
      ])
    #expect(manifest.entries[3].variable == "WORKERS_PORT")
  }

  @Test(arguments: ["", "\n", "#", " \t\r\n# web\r\n", "\u{FEFF}"])
  func `A manifest may have no names`(_ text: String) throws {
    #expect(try Manifest(parsing: text).entries.isEmpty)
  }

  @Test
  func `Lines may end with CRLF, and the first may begin with a mark`() throws {
    let manifest = try Manifest(
      parsing: "\u{FEFF}web prefer=1\r\n\r\ndb env=DB\r\nlast\r")
    #expect(
      manifest.entries == [
        .init("web", preferredPort: 1), .init("db", variable: "DB"),
        .init("last"),
      ])
  }

  /// What is wrong with a manifest, and the beginning of the message.
  @Test(
    arguments: [
      ("web\nWeb", ":2: the name 'Web'; expected a lowercase letter"),
      ("3000", ":1: the name '3000'; expected a lowercase letter"),
      ("a\u{7}", ":1: the name 'a?'; expected"),
      ("web\rdb", ":1: the name 'web?db'; expected"),
      ("w\u{0}", ":1: the name 'w?'; expected"),
      ("prefer=3000", ":1: the name 'prefer=3000'; expected"),
      ("web\n\nweb", ":3: the name 'web' is already on line 1; expected"),
      ("web\n api foo", ":2: unknown setting 'foo'; expected prefer=PORT"),
      ("web Prefer=1", ":1: unknown setting 'Prefer=1'; expected"),
      ("web prefer = 1", ":1: unknown setting 'prefer'; expected"),
      ("web =1", ":1: unknown setting '=1'; expected"),
      ("web prefer=1 prefer=2", ":1: a second 'prefer=' for the name 'web'"),
      ("web prefer=", ":1: 'prefer='; expected a port from 1 to 65535"),
      ("web prefer=0", ":1: 'prefer=0'; expected a port from 1 to 65535"),
      ("web prefer=65536", ":1: 'prefer=65536'; expected a port"),
      ("web prefer=-1", ":1: 'prefer=-1'; expected a port"),
      ("web prefer=+1", ":1: 'prefer=+1'; expected a port"),
      ("web prefer=0x10", ":1: 'prefer=0x10'; expected a port"),
      ("web prefer=1=2", ":1: 'prefer=1=2'; expected a port"),
      ("web prefer=99999999999999999999", ":1: 'prefer=99999999999999999999'"),
      ("web count=0", ":1: 'count=0'; expected a number of ports from 1"),
      ("web count=65536", ":1: 'count=65536'; expected a number of ports"),
      ("web count=x", ":1: 'count=x'; expected a number of ports"),
      ("web env=", ":1: 'env='; expected the name of a variable"),
      ("web env=9A", ":1: 'env=9A'; expected the name of a variable"),
      ("web env=PATH", ":1: 'env=PATH'; expected a variable that shells"),
      ("web env=A-B", ":1: 'env=A-B'; expected the name of a variable"),
      ("web env=É", ":1: 'env=É'; expected the name of a variable"),
      (
        "web prefer=65530 count=7",
        ":1: 'prefer=65530' with 'count=7' ends at 65536; expected"
      ),
      (
        "web prefer=3000 count=3\ndb prefer=3002",
        ":2: the preferred port 3002 is also that of the name 'web' on line 1"
      ),
      (
        "a-b\nweb env=A_B_PORT",
        ":2: the variable A_B_PORT is also that of the name 'a-b' on line 1"
      ),
      (
        "web count=2\ndb env=WEB_PORT_2",
        ":2: the variable WEB_PORT_2 is also that of the name 'web' on line 1"
      ),
      (
        "db env=WEB_PORT_1\nweb count=1",
        ":2: the variable WEB_PORT_1 is also that of the name 'db' on line 1"
      ),
      (
        "db env=WEB_PORT_COUNT\n\nweb count=1",
        ":3: the variable WEB_PORT_COUNT is also that of the name 'db' on line 1"
      ),
      (
        "web count=1\ndb env=WEB_PORT_COUNT",
        ":2: the variable WEB_PORT_COUNT is also that of the name 'web' on"
      ),
    ])
  func `An invalid line is refused`(_ text: String, _ message: String) {
    let error = #expect(throws: PortPickerError.self) {
      try Manifest(parsing: text, from: "dir/.ports")
    }
    #expect(error?.code == .invalidArgument)
    #expect(error?.description.hasPrefix("dir/.ports" + message) == true)
    #expect(error?.description.contains("expected") == true)
    #expect(error?.description.contains("\n") == false)
  }

  @Test(
    arguments: [
      "web count=2\ndb env=WEB_PORT_3", "web\ndb env=WEB_PORT_1",
      "web count=2\ndb env=WEB_PORT_01", "web count=2\ndb env=WEB_PORT_0",
      "web\ndb env=WEB_PORT_COUNT", "a prefer=1 count=2\nb prefer=3",
      "web prefer=65535", "web prefer=1 count=65535",
    ])
  func `Settings that only look alike are accepted`(_ text: String) throws {
    _ = try Manifest(parsing: text)
  }

  @Test
  func `The largest manifest is checked in a reasonable time`() throws {
    var text = ""
    for number in 0..<50_000 { text += "n\(number) count=65535\n" }
    let time = try ContinuousClock().measure {
      _ = try Manifest(parsing: text)
    }
    #expect(time < .seconds(60))
  }

  @Test
  func `Entries that a program has made are checked as well`() throws {
    try Manifest(entries: [.init("web"), .init("db")]).validate()
    for entries: [Manifest.Entry] in [
      [.init("a"), .init("a")], [.init("a"), .init("A")],
      [.init("a"), .init("b", preferredPort: 0)],
      [.init("a"), .init("b", count: -1)],
      [.init("a"), .init("b", variable: "")],
    ] {
      let error = #expect(throws: PortPickerError.self) {
        try Manifest(entries: entries).validate()
      }
      #expect(error?.code == .invalidArgument)
      #expect(error?.description.hasPrefix("the manifest's entry 2: ") == true)
    }
  }
}

struct ManifestFileTests {
  private let directory: TemporaryDirectory
  private var path: String { directory.file(".ports") }

  init() throws {
    directory = try TemporaryDirectory()
  }

  @Test
  func `A place without a manifest has none`() throws {
    #expect(try Manifest.read(at: directory.path) == nil)
  }

  @Test
  func `A manifest is read, also through a link`() throws {
    try Data("web\n".utf8).write(to: URL(fileURLWithPath: directory.file("x")))
    #expect(symlink("x", path) == 0)
    #expect(try Manifest.read(at: directory.path)?.entries == [.init("web")])
  }

  @Test
  func `An error names the file and the line`() throws {
    try Data("web\n\u{FF}".utf8.dropLast()).write(
      to: URL(fileURLWithPath: path))
    let error = #expect(throws: PortPickerError.self) {
      try Manifest.read(at: directory.path)
    }
    #expect(
      error?.description
        == "\(path):2: text that is not valid UTF-8; expected UTF-8")
  }

  @Test
  func `What is not a readable text file is refused, without waiting`() throws {
    #expect(mkdir(path, 0o700) == 0)
    expect(.systemFailure, "is a directory")
    #expect(rmdir(path) == 0)
    #expect(mkfifo(path, 0o600) == 0)
    expect(.systemFailure, "is a pipe, socket or device")
    #expect(unlink(path) == 0)
    #expect(symlink("missing", path) == 0)
    expect(.systemFailure, "is a link whose target does not exist")
    #expect(unlink(path) == 0)
    #expect(symlink(".ports", path) == 0)
    expect(.systemFailure, "cannot be read: Too many levels of symbolic links")
    #expect(unlink(path) == 0)
    #expect(symlink("/dev/null", path) == 0)
    expect(.systemFailure, "is a pipe, socket or device")
  }

  @Test
  func `A manifest has at most 1 MiB`() throws {
    var data = Data(repeating: UInt8(ascii: "#"), count: 1 << 20)
    try data.write(to: URL(fileURLWithPath: path))
    #expect(try Manifest.read(at: directory.path)?.entries == [])
    data.append(UInt8(ascii: "#"))
    try data.write(to: URL(fileURLWithPath: path))
    expect(.invalidArgument, "is larger than 1 MiB")
  }

  private func expect(
    _ code: PortPickerError.Code, _ text: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(
      throws: PortPickerError.self, sourceLocation: sourceLocation
    ) {
      try Manifest.read(at: directory.path)
    }
    #expect(error?.code == code, sourceLocation: sourceLocation)
    #expect(
      error?.description.hasPrefix("the manifest '\(path)' \(text)") == true,
      "\(String(describing: error))", sourceLocation: sourceLocation)
  }
}
