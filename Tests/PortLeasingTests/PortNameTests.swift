import PortLeasing
import Testing

struct PortNameTests {
  @Test(arguments: ["a", "web", "api-v2", "a--", "z9", Self.longest])
  func `A name is accepted`(_ text: String) {
    #expect(PortName(text)?.text == text)
  }

  private static let longest = "a" + String(repeating: "b", count: 62)

  @Test(
    arguments: [
      "", "3000", "-a", "A", "aB", "a_b", "a.b", " a", "a ", "a\n", "é", "aé",
      "a\u{301}", "a/b", longest + "b",
    ])
  func `Another text is refused`(_ text: String) {
    #expect(PortName(text) == nil)
  }

  @Test(
    arguments: [
      ("web", "WEB_PORT"), ("api-v2", "API_V2_PORT"), ("port", "PORT_PORT"),
    ])
  func `The variable follows from the name`(_ name: String, _ variable: String)
  {
    #expect(PortName(name)?.variable == variable)
  }
}
