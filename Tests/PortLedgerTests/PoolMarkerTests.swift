import HostSystem
import PortLeasing
import PortLedger
import Testing

/// How servers announce their pools.
@Suite struct PoolMarkerTests {
  @Test func aPoolIsReadAsItWasWritten() throws {
    let marker = PoolMarker(of: try PortPool(parsing: "15000-24999,30000"))
    #expect(marker.pid == currentPID())
    #expect(marker.name.hasSuffix("/\(currentPID())/15000-24999,30000"))
    #expect(PoolMarker(parsing: marker.name) == marker)
  }

  @Test func aPoolOfManyRangesIsCutToItsBounds() throws {
    let many = (0..<100).map { "\(20000 + 2 * $0)" }.joined(separator: ",")
    let marker = PoolMarker(of: try PortPool(parsing: many))
    #expect(marker.pool.description == "20000-20198")
    #expect(marker.name.utf8.count <= 107)
  }

  @Test(arguments: [
    "", "portserver-pool/", "portserver-pool/1/2/", "portserver-pool/1/2/x",
    "portserver-pool/1/2/9-3", "portserver-pool/1/0/5-9",
    "portserver-pool/-1/2/5-9", "portserver-pool/1/2/5-9/4",
    "portserver-pool/1/5-9", "other-pool/1/2/5-9", "portserver-pool/1/2/0-9",
  ])
  func whatIsNoMarkerIsNone(name: String) {
    #expect(PoolMarker(parsing: name) == nil)
  }
}
