import PortProtocol
import Testing

@Suite struct SubstringSearchTests {
  @Test func findsTheFirstOccurrence() throws {
    let line = "a=1 command=b command=c"
    let found = try #require(line.range(ofFirst: " command="))
    #expect(line[..<found.lowerBound] == "a=1")
    #expect(line[found.upperBound...] == "b command=c")
  }

  @Test(arguments: ["", "command=", " comman", " command"])
  func findsNothingWhereTheTextIsNot(line: String) {
    #expect(line.range(ofFirst: " command=") == nil)
  }
}
