import HostSystem
import Testing

@Suite struct KernelPortsTests {
  @Test func settingsAreReadAsTheKernelWritesThem() {
    let ports = KernelPorts(
      portRange: "32768\t60999\n", reservedPorts: "8080,9000-9010\n")
    #expect(ports.ephemeral == 32768...60999)
    #expect(ports.reserved == [8080...8080, 9000...9010])
  }

  @Test(arguments: ["", "\n", ",", " , \n"])
  func nothingIsReserved(_ text: String) {
    let ports = KernelPorts(portRange: "1 65535", reservedPorts: text)
    #expect(ports.ephemeral == 1...65535)
    #expect(ports.reserved == [])
  }

  @Test(arguments: [
    "", "\n", "32768", "32768 x", "60999 32768", "1 2 3", "-1 5", "0 65536",
  ])
  func rangeThatIsNoneCountsAsNone(_ text: String) {
    #expect(KernelPorts(portRange: text, reservedPorts: "").ephemeral == nil)
  }

  @Test func rangeOfOnePort() {
    let ports = KernelPorts(portRange: "5 5", reservedPorts: "7-7")
    #expect(ports.ephemeral == 5...5)
    #expect(ports.reserved == [7...7])
  }

  @Test(arguments: ["x", "9010-9000", "-", "70000", "--"])
  func reservedPortsThatAreNoneAreLeftOut(_ text: String) {
    let ports = KernelPorts(
      portRange: "1 2", reservedPorts: "8080,\(text),9000-9010")
    #expect(ports.reserved == [8080...8080, 9000...9010])
  }

  @Test func thisHostsRangeHoldsWhatTheKernelHandsOut() throws {
    let ephemeral = try #require(KernelPorts.current().ephemeral)
    let socket = try PortSocket(binding: 0, .tcp)
    #expect(try ephemeral.contains(socket.port()))
  }
}
