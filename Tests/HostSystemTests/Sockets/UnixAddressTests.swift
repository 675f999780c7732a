import HostSystem
import Testing

@Suite struct UnixAddressTests {
  @Test(arguments: [
    "/tmp/socket", "socket", "@portserver", "a@b", "/tmp/@b", "@a@b",
    "@@", " ", "/tmp/é",
  ])
  func textIsAnAddress(_ text: String) throws {
    #expect(try #require(UnixAddress(text)).text == text)
  }

  @Test(arguments: ["", "@", "\0", "/tmp/\0", "/tmp/a\0b", "@\0", "@a\0b"])
  func textIsNoAddress(_ text: String) {
    #expect(UnixAddress(text) == nil)
  }

  @Test(arguments: ["", "@"])
  func nameHasUpTo107Bytes(_ prefix: String) {
    func text(_ count: Int, _ character: Character = "a") -> String {
      prefix + String(repeating: character, count: count)
    }
    #expect(UnixAddress(text(106)) != nil)
    #expect(UnixAddress(text(107)) != nil)
    #expect(UnixAddress(text(108)) == nil)
    // Bytes count, not characters.
    #expect(UnixAddress(text(53, "é") + "a") != nil)
    #expect(UnixAddress(text(54, "é")) == nil)
  }
}
