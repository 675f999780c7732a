import HostSystem
import PortPicker
import PortServerClient
import Testing

@Suite struct OwnPortsTests {
  private let own = ProcessIdentity(pid: 100, startTime: 1000)
  private let place: OwnPorts.ServedPort

  init() throws {
    place = OwnPorts.ServedPort(
      client: try PortServerClient(at: "@server", alternative: "-"),
      pid: 100, isOwn: true)
  }

  @Test func eachPortReturnsToWhereItCameFrom() {
    var ports = OwnPorts()
    ports.addLeased([1, 2], to: own)
    ports.addServed([3], from: place)
    var expected = OwnPorts.ReturnPlan()
    expected.toLedger = [own: [2]]
    expected.toServers = [place: [3]]
    expected.unknown = [4, 2]
    // A port can be returned once.
    #expect(ports.remove([2, 3, 4, 2]) == expected)
    #expect(ports.contains(1) && !ports.contains(2) && !ports.contains(3))
  }

  @Test func aFreePortIsFreeAgainAfterItsReturn() {
    var ports = OwnPorts()
    ports.addFree([1, 2])
    #expect(!ports.contains(1))
    ports.pickFree([1])
    ports.addLeased([1], to: own)
    #expect(ports.free == [2])
    var expected = OwnPorts.ReturnPlan()
    expected.toLedger = [own: [1]]
    expected.reusable = [1]
    #expect(ports.remove([1]) == expected)
  }

  @Test func aPortThatAServerLeasedAgainIsTheServers() {
    var ports = OwnPorts()
    ports.addFree([1])
    ports.pickFree([1])
    ports.addServed([1], from: place)
    var expected = OwnPorts.ReturnPlan()
    expected.toServers = [place: [1]]
    #expect(ports.remove([1]) == expected)
    #expect(!ports.contains(1))
  }

  @Test func whatWasNotReturnedCanBeReturnedAgain() {
    var ports = OwnPorts()
    ports.addFree([1])
    ports.pickFree([1])
    ports.addLeased([1, 2], to: own)
    ports.addServed([3], from: place)
    let plan = ports.remove([1, 2, 3])
    ports.restore(plan)
    #expect(ports.remove([1, 2, 3]) == plan)
  }
}
