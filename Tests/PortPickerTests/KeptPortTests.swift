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

  @Test func aBoundPortIsInUseUntilItIsClosed() throws {
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
      try bound.close()
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

  @Test func aDroppedPortComesBackWithoutWaiting() throws {
    let range = try poolOfOne()
    let options = PickOptions(source: .ledger, pool: [range])
    do { _ = try BoundPort(options: options) }
    // Its sockets are closed; the lease ends on another thread.
    #expect(try isPortFree(range.lowerBound))
    try pickWhenReturned(options)
    do { _ = try HeldPort(options: options) }
    #expect(try isPortFree(range.lowerBound))
    try pickWhenReturned(options)
  }

  @Test func theTCPSocketHasOneOwner() throws {
    let options = PickOptions(pool: [try poolOfOne()])
    var bound = try BoundPort(options: options)
    let port = bound.port
    let tcp = bound.takeTCP()
    #expect(bound.tcp.rawValue == -1)
    #expect(bound.takeTCP().rawValue == -1)
    // The number is another's from now on, which the end of `bound` leaves
    // alone.
    try tcp.close()
    let stranger = try TestSocket(.udp, at: .loopbackIPv4, port: 0)
    #expect(stranger.descriptor == tcp.rawValue)
    // UDP and the lease are there still.
    #expect(try probePort(port, over: .tcp) == port)
    #expect(try probePort(port, over: .udp) == nil)
    expectExhausted(options)
    try bound.close()
    #expect(fcntl(stranger.descriptor, F_GETFD) >= 0)
    #expect(try pickUnusedPort(options: options) == port)
    try returnPort(port)
  }

  @Test func theTCPSocketAloneIsHandedOver() throws {
    let options = PickOptions(pool: [try poolOfOne()])
    let (port, tcp) = try BoundPort(options: options).releaseTCP()
    #expect(try probePort(port, over: .tcp) == nil)
    #expect(try probePort(port, over: .udp) == port)
    try tcp.close()
    expectExhausted(options)
    #expect(try returnPort(port))
  }

  @Test func aBoundPortIsReturnedAfterItsScope() async throws {
    let options = PickOptions(pool: [try poolOfOne()])
    let first = try withBoundPort(options: options) { bound in
      expectExhausted(options)
      return bound.port
    }
    #expect(throws: Errno.ioError) {
      try withBoundPort(options: options) { bound in
        #expect(bound.port == first)
        try bound.takeTCP().close()
        throw Errno.ioError
      }
    }
    let again = try await withBoundPort(options: options) { bound in
      await Task.yield()
      return bound.port
    }
    #expect(again == first)
    await #expect(throws: CancellationError.self) {
      try await withBoundPort(options: options) { bound in
        await Task.yield()
        throw CancellationError()
      }
    }
    #expect(try isPortFree(first))
    #expect(try await pickUnusedPort(options: options) == first)
    try await returnPort(first)
  }

  @Test func aTimeoutOfZeroIsNoTime() throws {
    var port = 0
    expectError(.invalidArgument, "the timeout is 0") {
      let bound = try BoundPort()
      port = bound.port
      try bound.close(timeout: .zero)
    }
    #expect(try isPortFree(port))
    #expect(try returnPort(port))
  }

  @Test func onlyTheLoopbackAddressIsBoundWhereThatIsWanted() throws {
    let bound = try BoundPort(at: .loopback)
    let port = UInt16(bound.port)
    let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
    try client.connect(to: .loopbackIPv4, port: port)
    close(accept(bound.tcp.rawValue, nil, nil))
    let sender = try TestSocket(.udp, at: .loopbackIPv4, port: 0)
    try sender.connect(to: .loopbackIPv4, port: port)
    try sender.send()
    var byte: UInt8 = 0
    #expect(recv(bound.udp.rawValue, &byte, 1, 0) == 1)
    // Nobody else can have that address, and nothing listens at the other's.
    #expect(throws: Errno.addressInUse) {
      try TestSocket(.tcp, at: .anyIPv4, port: port, reusingAddress: true)
    }
    let other = try TestSocket(.tcp, at: .loopbackIPv6, port: 0)
    #expect(throws: Errno.connectionRefused) {
      try other.connect(to: .loopbackIPv6, port: port)
    }
  }

  @Test(arguments: TestSocket.Address.allCases)
  func aLoopbackPortIsFreeOnEveryAddress(address: TestSocket.Address) throws {
    let range = try poolOfOne()
    let options = PickOptions(pool: [range])
    let stranger = try TestSocket(
      .tcp, at: address, port: UInt16(range.lowerBound), reusingAddress: true)
    expectError(.poolExhausted, "in use by others") {
      _ = try BoundPort(at: .loopback, options: options)
    }
    withExtendedLifetime(stranger) {}
  }

  @Test func aLingeringPortIsBoundOnLoopbackWhereNoOtherIsLeft() throws {
    let range = try poolOfOne()
    let port = UInt16(range.lowerBound)
    try TestSocket.leaveTimeWait(on: port, reusingAddress: true)
    let bound = try BoundPort(
      at: .loopback, options: PickOptions(pool: [range]))
    let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
    try client.connect(to: .loopbackIPv4, port: port)
    #expect(bound.port == Int(port))
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
      try bound.close()
    }
    #expect(try PortProbe.status(of: UInt16(port)) == .lingering)
    // As the last resort it is bound again.
    let again = try BoundPort(options: options)
    #expect(again.port == port)
  }
}

@Suite(.alone) struct BoundPortsTests {
  @Test func severalPortsAreBoundAtOnce() throws {
    let range = try unusedTestBlock()
    let options = PickOptions(
      pool: [Int(range.lowerBound)...Int(range.upperBound)])
    let bound = try BoundPorts(count: 3, contiguous: true, options: options)
    let ports = bound.ports
    #expect(ports == Array(ports[0]...ports[0] + 2))
    for element in bound.elements {
      #expect(try !isPortFree(element.port))
      let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
      try client.connect(to: .loopbackIPv4, port: UInt16(element.port))
      let accepted = accept(element.tcp.rawValue, nil, nil)
      #expect(accepted >= 0)
      close(accepted)
    }
    try bound.close()
    for port in ports {
      #expect(try !returnPort(port))
      #expect(try probePort(port, over: .udp) == port)
    }
  }

  @Test func eachCanBeTakenOut() throws {
    let range = try unusedTestBlock()
    let pool = Int(range.lowerBound)...Int(range.lowerBound) + 1
    let options = PickOptions(pool: [pool])
    var bound = try BoundPorts(count: 2, at: .loopback, options: options)
    let ports = bound.ports
    let tcp = bound.takeTCP(at: 1)
    #expect(bound.elements[1].tcp.rawValue == -1)
    guard let first = bound.popFirst() else {
      Issue.record("none is left")
      return
    }
    #expect(first.port == ports[0] && bound.ports == [ports[1]])
    try first.close()
    #expect(try pickUnusedPort(options: options) == ports[0])
    try bound.close()
    #expect(try probePort(ports[1], over: .tcp) == nil)
    try tcp.close()
    #expect(try pickUnusedPort(options: options) == ports[1])
    for port in ports { try returnPort(port) }
  }

  @Test func allOrNoneAreBound() throws {
    let options = PickOptions(pool: [try poolOfOne(), try poolOfOne()])
    let released = try BoundPorts(count: 2, options: options).release()
    #expect(released.count == 2)
    for element in released {
      try element.tcp.close()
      try element.udp.close()
      #expect(try returnPort(element.port))
    }
    let other = try pickUnusedPort(options: options) as Int
    expectError(.poolExhausted, "fewer than 2 ports are left") {
      _ = try BoundPorts(count: 2, options: options)
    }
    #expect(try isPortFree(released[0].port) && isPortFree(released[1].port))
    try returnPort(other)
  }

  @Test func theyAreReturnedAfterTheirScope() async throws {
    let options = PickOptions(pool: [try poolOfOne(), try poolOfOne()])
    for _ in 0..<2 {
      try withBoundPorts(count: 2, options: options) { bound in
        #expect(bound.elements.count == 2)
        expectExhausted(options)
      }
      try await withBoundPorts(count: 2, options: options) { bound in
        try bound.takeTCP(at: 0).close()
        await Task.yield()
      }
      await #expect(throws: CancellationError.self) {
        try await withBoundPorts(count: 2, options: options) { bound in
          await Task.yield()
          throw CancellationError()
        }
      }
    }
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

  @Test func aHoldEndsWhenItIsClosed() throws {
    let options = PickOptions(pool: [try poolOfOne()])
    let port: Int
    do {
      let held = try HeldPort(options: options)
      port = held.port
      #expect(try !isPortFree(port))
      try held.close()
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

/// Picks the only port of a pool as soon as it has been returned, and returns it.
private func pickWhenReturned(_ options: PickOptions) throws {
  while true {
    do throws(PortPickerError) {
      try returnPort(try pickUnusedPort(options: options))
      return
    } catch {
      guard error.code == .poolExhausted else { throw error }
      sched_yield()
    }
  }
}
