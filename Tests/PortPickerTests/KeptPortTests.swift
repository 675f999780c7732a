import Foundation
import HostSystem
import PortPicker
import SystemPackage
import TestSupport
import Testing

@Suite(.alone) struct BoundPortTests {
  @Test(arguments: [TestSocket.Address.loopbackIPv4, .loopbackIPv6])
  func clientsReachABoundPort(address: TestSocket.Address) throws {
    let bound = try BoundPort()
    let client = try TestSocket(.tcp, at: address, port: 0)
    try client.connect(to: address, port: UInt16(bound.port))
    let accepted = accept(bound.tcp.rawValue, nil, nil)
    #expect(accepted >= 0)
    close(accepted)

    let sender = try TestSocket(.udp, at: address, port: 0)
    try sender.connect(to: address, port: UInt16(bound.port))
    try sender.send()
    var byte: UInt8 = 0
    #expect(recv(bound.udp.rawValue, &byte, 1, 0) == 1)
  }

  @Test func aBoundPortIsInUseUntilItIsDropped() throws {
    let options = PickOptions(pool: [try poolOfOne()])
    let port: Int
    do {
      let bound = try BoundPort(options: options)
      port = bound.port
      #expect(try !isPortFree(port))
      #expect(throws: Errno.addressInUse) {
        try TestSocket(
          .tcp, at: .loopbackIPv4, port: UInt16(port), reusingAddress: true)
      }
    }
    #expect(try isPortFree(port))
    #expect(try pickUnusedPort(options: options) == port)
    try returnPort(port)
  }

  @Test func tasksBindAndHoldPorts() async throws {
    let bound = try await BoundPort()
    let held = try await HeldPort()
    #expect(bound.port != held.port)
    #expect(try !isPortFree(bound.port) && !isPortFree(held.port))
  }

  @Test func aReleasedPortIsTheCallers() throws {
    let options = PickOptions(pool: [try poolOfOne()])
    let (port, tcp, udp) = try BoundPort(options: options).release()
    expectExhausted(options)
    #expect(try !isPortFree(port))
    try tcp.close()
    try udp.close()
    #expect(try isPortFree(port))
    // It is leased still.
    expectExhausted(options)
    #expect(try returnPort(port))
  }

  @Test func aServersRemnantsDoNotKeepThePortFromTheNext() throws {
    let options = PickOptions(pool: [try poolOfOne()])
    let port: Int
    do {
      let bound = try BoundPort(options: options)
      port = bound.port
      let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
      try client.connect(to: .loopbackIPv4, port: UInt16(port))
      let accepted = accept(bound.tcp.rawValue, nil, nil)
      shutdown(accepted, Int32(SHUT_WR))
      _ = try client.receive()
      shutdown(client.descriptor, Int32(SHUT_WR))
      var byte: UInt8 = 0
      #expect(recv(accepted, &byte, 1, 0) == 0)
      close(accepted)
    }
    #expect(try PortProbe.status(of: UInt16(port)) == .lingering)
    // As the last resort it is bound again.
    let again = try BoundPort(options: options)
    #expect(again.port == port)
  }
}

@Suite(.alone) struct HeldPortTests {
  @Test func aServerBindsOverAHoldAndIsReached() throws {
    let held = try HeldPort()
    let port = UInt16(held.port)
    #expect(throws: Errno.addressInUse) {
      try TestSocket(.tcp, at: .loopbackIPv4, port: port)
    }
    for address in [TestSocket.Address.anyIPv4, .anyIPv6] {
      let server = try TestSocket(
        .tcp, at: address, port: port, reusingAddress: true, listening: true)
      let near: TestSocket.Address =
        address.isIPv6 ? .loopbackIPv6 : .loopbackIPv4
      let client = try TestSocket(.tcp, at: near, port: 0)
      try client.connect(to: near, port: port)
      _ = try server.accept()
    }
    #expect(try TestSocket(.udp, at: .anyIPv4, port: port).port == port)
  }

  @Test func aHoldEndsWithItsScope() throws {
    let options = PickOptions(pool: [try poolOfOne()])
    let port: Int
    do {
      let held = try HeldPort(options: options)
      port = held.port
      #expect(try !isPortFree(port))
    }
    #expect(try isPortFree(port))
    #expect(try HeldPort(options: options).release() == port)
    #expect(try isPortFree(port))
    expectExhausted(options)
    #expect(try returnPort(port))
  }

  @Test func aLingeringPortIsHeldWhereNoOtherIsLeft() throws {
    let range = try poolOfOne()
    let port = UInt16(range.lowerBound)
    try TestSocket.leaveTimeWait(on: port, reusingAddress: true)
    let held = try HeldPort(options: PickOptions(pool: [range]))
    #expect(held.port == Int(port))
    // Held, it is no longer one on which something merely lingers.
    #expect(try PortProbe.status(of: port) == .inUse)
    let server = try TestSocket(
      .tcp, at: .anyIPv4, port: port, reusingAddress: true, listening: true)
    #expect(server.port == port)
  }
}
