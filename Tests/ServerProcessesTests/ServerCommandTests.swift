import PortLeasing
import ServerProcesses
import Testing

/// Placeholders in servers' commands.
@Suite struct ServerCommandTests {
  private func command(_ words: String...) -> ServerCommand {
    ServerCommand(words.map { Array($0.utf8) })
  }

  private func ports(_ ports: [String: UInt16]) throws -> [PortName: UInt16] {
    var named: [PortName: UInt16] = [:]
    for (name, port) in ports { named[try #require(PortName(name))] = port }
    return named
  }

  @Test func namesAreEachFoundOnce() {
    let command = command(
      "s", "{db}:{web}", "{web}", "{Db} {} { db} {1a} ${x}", "{{no}}", "{v-2}")
    #expect(command.portNames.map(\.text) == ["db", "web", "v-2"])
  }

  @Test func portsTakeTheirPlaces() throws {
    let arguments = try command("s", "a{db}b{web}", "${db} {{db}} {Db}")
      .arguments(with: ports(["db": 25000, "web": 25001]))
    #expect(
      arguments.map { String(decoding: $0, as: UTF8.self) }
        == ["s", "a25000b25001", "${db} {db} {Db}"])
  }

  @Test func aNameWithoutAPortIsAnError() throws {
    let ports = try ports(["db": 1])
    #expect(throws: UnknownPortName.self) {
      try command("s", "{db}", "{web}").arguments(with: ports)
    }
  }

  @Test func variablesAreNamedAfterThePorts() throws {
    let variables = environmentVariables(
      of: try ports(["port": 1, "api-v2": 2]))
    #expect(variables.map { $0.name } == ["API_V2_PORT", "PORT"])
    #expect(variables.map { $0.value } == ["2", "1"])
  }
}
