import PortPicker
import TestSupport
import Testing

/// Each in a process of its own, for warnings are said once in a process.
@Suite(.alone) struct WarningTests {
  @Test func aHandlerTakesTheWarnings() async throws {
    let end = try await #require(
      processExitsWith: .success, observing: [\.standardErrorContent]
    ) {
      let warnings = Collected<String>()
      PortPickerWarnings.handler = { warnings.add($0.description) }
      try fallBack()
      #expect(warnings.all.count == 1)
      #expect(warnings.all.first?.contains("this user's own ledger") == true)
      PortPickerWarnings.handler = nil
      #expect(PortPickerWarnings.handler == nil)
    }
    let errors = String(decoding: end.standardErrorContent, as: UTF8.self)
    #expect(!errors.contains("portpicker"))
  }

  @Test func withoutAHandlerTheyGoToStandardError() async throws {
    let end = try await #require(
      processExitsWith: .success, observing: [\.standardErrorContent]
    ) { try fallBack() }
    let errors = String(decoding: end.standardErrorContent, as: UTF8.self)
    let lines = errors.split(separator: "\n").filter {
      $0.hasPrefix("portpicker: warning: ")
    }
    #expect(lines.count == 1)
  }
}

/// Picks twice from the ledger because a server refuses.
private func fallBack() throws {
  let server = try FakeServer(.slam)
  for _ in 0..<2 {
    let options = PickOptions(source: .server(server.address))
    try returnPort(try pickUnusedPort(options: options))
  }
}
