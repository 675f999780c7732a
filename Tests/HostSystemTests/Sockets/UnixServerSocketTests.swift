import HostSystem
import SystemPackage
import TestSupport
import Testing

/// Sockets at which a server listens.
///
/// A test that creates a socket file runs in a process of its own, because umask(2)
/// applies to the whole process, and other tests create files as well.
@Suite(.alone) struct UnixServerSocketTests {
  @Test func anAbstractNameIsListenedOn() throws {
    let name = RunningServer.unusedAddress()
    let socket = try UnixServerSocket(name)
    #expect(socket.address.text == name)
    #expect(try socket.serves())
    // It has no file that could be removed.
    #expect(socket.isInPlace == true)
    socket.removeFile()
    #expect(socket.isInPlace == true)
    #expect(try socket.serves())
  }

  @Test func aPathIsListenedOn() async {
    await #expect(processExitsWith: .success) {
      try withSocketPath { path in
        let socket = try UnixServerSocket(path)
        #expect(socket.address.text == path)
        #expect(try socket.serves())
        #expect(socket.isInPlace == true)
        let waiting = try UnixClient(connectingTo: path)
        socket.removeFile()
        #expect(socket.isInPlace == false)
        #expect(access(path, F_OK) == -1)
        // Clients that have connected can still be accepted. No others can connect.
        _ = try socket.acceptClient()
        #expect(throws: Errno.noSuchFileOrDirectory) {
          try UnixClient(connectingTo: path)
        }
        socket.removeFile()
        withExtendedLifetime(waiting) {}
      }
    }
  }

  @Test func aSocketSaysWhenSomebodyWaits() throws {
    let name = RunningServer.unusedAddress()
    let socket = try UnixServerSocket(name)
    #expect(!isReadable(socket.raw))
    #expect(try socket.accept() == nil)
    let clients = try (0..<3).map { _ in try UnixClient(connectingTo: name) }
    for client in clients {
      #expect(isReadable(socket.raw))
      let connection = try socket.acceptClient()
      // In the order of the connections.
      try client.send("x")
      #expect(try connection.receive() == "x")
    }
    #expect(!isReadable(socket.raw))
    #expect(try socket.accept() == nil)
  }

  @Test func aClientThatHasGoneIsAcceptedAllTheSame() throws {
    let name = RunningServer.unusedAddress()
    let socket = try UnixServerSocket(name)
    try UnixClient(connectingTo: name).send("farewell")
    let connection = try socket.acceptClient()
    #expect(try connection.receive() == "farewell")
    #expect(try connection.receive() == "")
  }

  @Test func permissionsAreThoseThatWereAskedForWhateverTheMask() async {
    await #expect(processExitsWith: .success) {
      for mask in [0, 0o077, 0o777] as [mode_t] {
        for mode in [0, 0o600, 0o660, 0o666, 0o777] as [UInt32] {
          try withSocketPath { path in
            umask(mask)
            let socket = try UnixServerSocket(path, mode: mode)
            // The mask is unchanged.
            #expect(umask(0) == mask)
            let status = try Stat(path)
            #expect(UInt32(status.permissions.rawValue) == mode)
            withExtendedLifetime(socket.raw) {}
          }
        }
      }
    }
  }

  @Test func aSocketFileThatNobodyListensOnIsReplaced() async {
    await #expect(processExitsWith: .success) {
      for backlog in [16, nil] as [Int32?] {
        try withSocketPath { path in
          var former: UnixListener? = try UnixListener(path, backlog: backlog)
          // A socket that never listened is dead even while it is open.
          if backlog != nil { former = nil }
          let file = try Stat(path).inode
          let socket = try UnixServerSocket(path)
          #expect(try socket.serves())
          #expect(try Stat(path).inode != file || former == nil)
        }
      }
    }
  }

  @Test func whereSomebodyListensNobodyElseDoes() async {
    await #expect(processExitsWith: .success) {
      try withSocketPath { path in
        let socket = try UnixServerSocket(path)
        let file = try Stat(path).inode
        #expect(throws: UnixServerSocketError.inUse(by: getpid())) {
          _ = try UnixServerSocket(path)
        }
        #expect(try Stat(path).inode == file)
        #expect(socket.isInPlace == true)
        // The attempt has connected and disconnected.
        #expect(try socket.acceptClient().receive() == "")
        #expect(try socket.serves())
      }
    }
  }

  @Test func anAbstractNameInUseIsRefused() throws {
    let name = RunningServer.unusedAddress()
    let socket = try UnixServerSocket(name)
    #expect(throws: UnixServerSocketError.inUse(by: getpid())) {
      _ = try UnixServerSocket(name)
    }
    _ = try socket.acceptClient()
    #expect(try socket.serves())
  }

  @Test func aServerTooBusyToSayWhoItIsIsNotReplaced() async {
    await #expect(processExitsWith: .success) {
      try withSocketPath { path in
        let busy = try UnixListener(path, backlog: 0)
        let clients = try UnixListener.fillBacklog(path)
        let file = try Stat(path).inode
        #expect(throws: UnixServerSocketError.inUse(by: nil)) {
          _ = try UnixServerSocket(path)
        }
        #expect(try Stat(path).inode == file)
        for client in clients { try client.close() }
        withExtendedLifetime(busy) {}
      }
    }
  }

  @Test func whatIsNoSocketIsLeftAlone() async {
    await #expect(processExitsWith: .success) {
      let kinds: [(String) throws -> Void] = [
        { _ = try File(creating: $0) },
        { try makePrivateDirectory($0) },
        { path in try systemCall { mkfifo(path, 0o600) } },
        { path in try systemCall { symlink("/nowhere", path) } },
        { path in
          // Not even a link to a dead socket.
          _ = try UnixListener(path + "-target")
          try systemCall { symlink(path + "-target", path) }
        },
      ]
      for make in kinds {
        try withSocketPath { path in
          try make(path)
          let file = try Stat(path, followTargetSymlink: false)
          #expect(throws: UnixServerSocketError.notASocket) {
            _ = try UnixServerSocket(path)
          }
          let after = try Stat(path, followTargetSymlink: false)
          #expect(after.inode == file.inode)
        }
      }
    }
  }

  @Test func aDirectoryThatIsMissingIsAnError() async {
    await #expect(processExitsWith: .success) {
      try withSocketPath { path in
        #expect(
          throws: UnixServerSocketError.system(.noSuchFileOrDirectory)
        ) { _ = try UnixServerSocket(path + "/socket") }
        _ = try File(creating: path)
        #expect(throws: UnixServerSocketError.system(.notDirectory)) {
          _ = try UnixServerSocket(path + "/socket")
        }
      }
    }
  }

  @Test func whatHasTakenTheFilesPlaceIsLeftAlone() async {
    await #expect(processExitsWith: .success) {
      try withSocketPath { path in
        let socket = try UnixServerSocket(path)
        try removeFile(path)
        #expect(socket.isInPlace == false)
        let other = try UnixListener(path)
        let file = try Stat(path).inode
        #expect(socket.isInPlace == false)
        socket.removeFile()
        #expect(try Stat(path).inode == file)
        withExtendedLifetime(other) {}
      }
    }
  }

  @Test func aReplacementListensWhereTheFileWas() async {
    await #expect(processExitsWith: .success) {
      try withSocketPath { path in
        let socket = try UnixServerSocket(path, mode: 0o640)
        let waiting = try UnixClient(connectingTo: path)
        try removeFile(path)
        let replacement = try socket.replacement()
        #expect(try replacement.serves())
        #expect(replacement.isInPlace == true)
        #expect(socket.isInPlace == false)
        #expect(try Stat(path).permissions.rawValue == 0o640)
        // The old socket still has its client, and does not remove the new file.
        _ = try socket.acceptClient()
        socket.removeFile()
        #expect(replacement.isInPlace == true)
        withExtendedLifetime(waiting) {}
      }
    }
  }

  @Test func ofThoseWhoStartTogetherOneListens() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      for round in 0..<20 {
        let path = directory.file("socket-\(round)")
        if round % 2 == 0 { _ = try UnixListener(path) }
        // The one that listens keeps its socket until all have tried.
        let sockets = Collected<SocketBox>()
        let refusals = try await sideBySide(8) { _ in
          do {
            sockets.add(SocketBox(try UnixServerSocket(path)))
            return nil as UnixServerSocketError?
          } catch let error as UnixServerSocketError {
            return error
          }
        }
        #expect(sockets.all.count == 1)
        #expect(refusals.count { $0 == .inUse(by: getpid()) } == 7)
        #expect(sockets.all.first?.socket.isInPlace == true)
      }
      withExtendedLifetime(directory) {}
    }
  }
}

/// A socket in a form that an array can hold.
private final class SocketBox: Sendable {
  let socket: UnixServerSocket

  init(_ socket: consuming UnixServerSocket) {
    self.socket = socket
  }
}
