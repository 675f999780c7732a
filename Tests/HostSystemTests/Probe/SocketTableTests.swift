import CTestSupport
import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import HostSystem

/// The kernel's list of sockets, and their owners.
@Suite(.alone) struct SocketTableTests {
  /// The sockets on a port that belong to this process, by inode.
  private func sockets(_ port: UInt16) throws -> [SocketEntry] {
    try SocketTable.sockets(onPorts: [port])
  }

  @Test(arguments: TestSocket.Address.allCases)
  func aSocketIsListedWithWhatItDoes(address: TestSocket.Address) throws {
    for (kind, isListening, state) in [
      (.tcp, true, .listening), (.tcp, false, .bound), (.udp, false, .bound),
    ] as [(TestSocket.Kind, Bool, SocketState)] {
      let port = try unusedTestPort()
      let socket = try TestSocket(
        kind, at: address, port: port, listening: isListening)
      let found = try sockets(port)
      #expect(found.count == 1, "\(found)")
      let entry = try #require(found.first)
      #expect(entry.transport == (kind == .tcp ? .tcp : .udp))
      #expect(entry.port == port)
      #expect(entry.state == state)
      #expect(entry.user == getuid())
      let addresses: [TestSocket.Address: String] = [
        .anyIPv4: "0.0.0.0", .loopbackIPv4: "127.0.0.1", .anyIPv6: "::",
        .loopbackIPv6: "::1",
      ]
      #expect(entry.address == addresses[address])
      #expect(socketOwners(of: [entry.inode]) == [entry.inode: [getpid()]])
      // It is among all sockets.
      #expect(try SocketTable.sockets(onPorts: nil).contains(entry))
      withExtendedLifetime(socket) {}
    }
  }

  @Test func connectionsAndWhatIsLeftOfThem() throws {
    let port = try unusedTestPort()
    let server = try TestSocket(
      .tcp, at: .loopbackIPv4, port: port, reusingAddress: true, listening: true
    )
    let client = try TestSocket(.tcp, at: .loopbackIPv4, port: 0)
    try client.connect(to: .loopbackIPv4, port: port)
    let accepted = try server.accept()
    #expect(
      Set(try sockets(port).map(\.state)) == [.listening, .connected])
    let udp = try TestSocket(.udp, at: .loopbackIPv4, port: port)
    try udp.connect(to: .loopbackIPv4, port: port)
    #expect(
      try sockets(port).first { $0.transport == .udp }?.state == .connected)
    withExtendedLifetime((accepted, udp)) {}

    let lingering = try unusedTestPort()
    try TestSocket.leaveTimeWait(on: lingering, reusingAddress: false)
    let left = try sockets(lingering)
    #expect(left.map(\.state) == [.timeWait])
    #expect(left.map(\.inode) == [0])
  }

  @Test func aSocketMayHaveSeveralOwners() throws {
    let port = try unusedTestPort()
    let socket = try TestSocket(.tcp, at: .anyIPv4, port: port)
    let inode = try #require(try sockets(port).first).inode
    let child = cts_fork()
    if child == 0 {
      while true { pause() }
    }
    let other = try unusedTestPort()
    let another = try TestSocket(.udp, at: .anyIPv4, port: other)
    let second = try #require(try sockets(other).first).inode
    let owners = socketOwners(of: [inode, second, 1])
    #expect(owners[inode] == [getpid(), child].sorted())
    #expect(owners[second] == [getpid()])
    #expect(owners[1] == nil)
    cts_end(child)
    #expect(socketOwners(of: [inode]) == [inode: [getpid()]])
    #expect(socketOwners(of: []) == [:])
    withExtendedLifetime((socket, another)) {}
  }

  @Test func linesOfTextAreRead() throws {
    let tcp =
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 "
      + "00000000  1000        0 4242 1 0000000000000000 100 0 0 10 0"
    #expect(
      SocketEntry(parsing: tcp, .tcp)
        == SocketEntry(
          transport: .tcp, address: "127.0.0.1", port: 8080, state: .listening,
          user: 1000, inode: 4242))
    let udp =
      " 77: 00000000000000000000000001000000:0035 "
      + "00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 "
      + "00000000     0        0 17 2 0000000000000000 0"
    #expect(
      SocketEntry(parsing: udp, .udp)
        == SocketEntry(
          transport: .udp, address: "::1", port: 53, state: .bound, user: 0,
          inode: 17))
    // The kernel's own text, if it has such files.
    let port = try unusedTestPort()
    let socket = try TestSocket(
      .tcp, at: .loopbackIPv6, port: port, listening: true)
    let file = try readTextFile("/proc/net/tcp6", limit: 1 << 24)
    let entries = file.split(separator: "\n").compactMap {
      SocketEntry(parsing: $0, .tcp)
    }
    #expect(entries.filter { $0.port == port } == (try sockets(port)))
    withExtendedLifetime(socket) {}
  }

  @Test(arguments: [
    "", "sl  local_address rem_address   st tx_queue rx_queue tr", "0: a b c",
    "0: 0100007F:1F90 0:0 0A 0:0 0:0 0 1000 0 x",
    "0: 0100007F 0:0 0A 0:0 0:0 0 1000 0 1",
    "0: 0100007G:1F90 0:0 0A 0:0 0:0 0 1000 0 1",
    "0: 0100007F:1FFFF 0:0 0A 0:0 0:0 0 1000 0 1",
    "0: 0100007F00:1F90 0:0 0A 0:0 0:0 0 1000 0 1",
    "0: 0100007F:1F90 0:0 XX 0:0 0:0 0 1000 0 1",
    "0: 0100007F:1F90 0:0 0A 0:0 0:0 0 -1 0 1",
    "0: ÄÄÄÄÄÄÄÄ:1F90 0:0 0A 0:0 0:0 0 1 0 1",
  ])
  func linesThatAreNoneAreNone(line: String) {
    #expect(SocketEntry(parsing: line, .tcp) == nil)
  }
}

/// Parsers of system files.
@Suite struct HostTextTests {
  @Test func usersHaveNames() {
    let text = """
      root:x:0:0:root:/root:/bin/bash
      # a comment: with colons
      broken
      :x:7:7:nobody's:/:/bin/false
      daemon:x:1:1::/usr/sbin:/usr/sbin/nologin
      other:x:1:1::/:/bin/sh
      """
    #expect(userName(of: 0, in: text) == "root")
    #expect(userName(of: 1, in: text) == "daemon")
    #expect(userName(of: 7, in: text) == nil)
    #expect(userName(of: 2, in: text) == nil)
    #expect(userName(of: 0, in: "") == nil)
    #expect(userName(of: 0) == "root")
  }

  @Test func whetherProcIsOpen() {
    func hides(_ text: String) -> Bool? {
      procHidesProcesses(mounts: Array(text.utf8))
    }
    let root = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda rw\n"
    let open = "23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n"
    let hidden =
      "24 22 0:22 / /proc rw,nosuid - proc proc rw,gid=4,hidepid=invisible\n"
    #expect(hides(root) == nil)
    #expect(hides(root + open) == false)
    #expect(hides(root + hidden) == true)
    // The last mount is visible.
    #expect(hides(hidden + open) == false)
    #expect(hides(open + hidden) == true)
    #expect(hides("1 2 3 / /proc rw - proc proc rw,hidepid=0\n") == false)
    #expect(hides("1 2 3 / /proc rw - proc proc rw,hidepid=2\n") == true)
    #expect(hides("garbage\n\n1 2\n") == nil)
  }
}
