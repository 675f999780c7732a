import PortPicker
import Testing

struct NamedPortVariablesTests {
  private func port(_ name: String, _ ports: ClosedRange<Int>) -> NamedPort {
    NamedPort(name: name, ports: Array(ports), place: "/a", claimedAt: 0)
  }

  private func text(
    _ ports: [NamedPort], _ manifest: String? = nil
  ) throws -> [String] {
    let manifest = try manifest.map { try Manifest(parsing: $0) }
    return try NamedPortVariables(ports, manifest: manifest).variables
      .map { "\($0.name)=\($0.value)" }
  }

  @Test
  func `Without a manifest, names determine the variables`() throws {
    #expect(
      try text([port("web", 1...1), port("a-b", 7...8), port("api", 9...9)])
        == [
          "WEB_PORT=1", "A_B_PORT=7", "A_B_PORT_1=7", "A_B_PORT_2=8",
          "A_B_PORT_COUNT=2", "API_PORT=9",
        ])
    #expect(try text([]).isEmpty)
  }

  @Test
  func `A manifest can name the variables`() throws {
    #expect(
      try text(
        [port("b", 5...6), port("web", 1...1), port("one", 3...3)],
        "web env=PORT\none count=1\nb env=foo count=2\nunused env=X")
        == [
          "foo=5", "foo_1=5", "foo_2=6", "foo_COUNT=2", "PORT=1",
          "ONE_PORT=3", "ONE_PORT_1=3", "ONE_PORT_COUNT=1",
        ])
  }

  @Test
  func `Two names with one variable are refused`() {
    for (ports, manifest) in [
      ([port("web", 1...1), port("a-b", 2...2)], "web env=A_B_PORT"),
      ([port("web", 1...1), port("db", 2...3)], "web env=DB_PORT_2"),
    ] {
      let error = #expect(throws: PortPickerError.self) {
        try text(ports, manifest)
      }
      #expect(error?.code == .invalidArgument)
      #expect(error?.description.contains("the names 'web' and '") == true)
    }
  }
}
