import CTestSupport
import Foundation
import HostSystem
import PortLeasing
import PortLedger
import SystemPackage
import TestSupport
import Testing

/// Where the claims file is, and what is wrong with it.
@Suite(.alone) struct ClaimsFileTests {
  private let test: TestClaims
  private let place: PlacePath

  init() throws {
    test = try TestClaims()
    place = try test.place("p")
  }

  private func expectProblem(
    _ problem: ClaimsProblem, path: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    expectClaimsError(
      .file(problem, path: path ?? test.path), sourceLocation: sourceLocation
    ) { try test.claim("new", at: place) }
    #expect(try test.mirrored() == [], sourceLocation: sourceLocation)
    #expect(try test.leased() == [], sourceLocation: sourceLocation)
  }

  @Test func whatIsNoFileIsRefused() throws {
    try FileManager.default.createDirectory(
      atPath: test.path, withIntermediateDirectories: false)
    try expectProblem(.notAFile)
    #expect(rmdir(test.path) == 0)
    #expect(mkfifo(test.path, 0o600) == 0)
    try expectProblem(.notAFile)
  }

  @Test func aHugeFileIsRefused() throws {
    try test.write("")
    #expect(truncate(test.path, 100 << 20) == 0)
    try expectProblem(.tooLarge(limit: 16 << 20))
  }

  @Test func aFileOfMegabytesIsRead() throws {
    let line = "# " + String(repeating: "x", count: 1 << 20)
    try test.write(line + "\n" + line)
    try test.claim("a", at: place)
    #expect(try test.claims.list().claims.count == 1)
    #expect(try test.text.hasPrefix(line + "\n" + line + "\n"))
  }

  @Test func aSymbolicLinkIsFollowed() throws {
    let target = test.directory.file("dotfiles")
    #expect(mkdir(target, 0o700) == 0)
    #expect(symlink("dotfiles/ports", test.path) == 0)
    let port = try test.claim("a", at: place)
    #expect(
      try Stat(test.path, followTargetSymlink: false).type == .symbolicLink)
    #expect(
      try String(contentsOfFile: target + "/ports", encoding: .utf8)
        .hasPrefix("\(port.lowerBound) 1 a "))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: target).sorted()
        == ["ports", "ports.lock"])
    try test.expectAgreement()
  }

  @Test func aDirectoryThatIsMissingIsSaid() throws {
    let other = try TestClaims(file: test.directory.file("none/claims"))
    expectClaimsError(
      .file(
        .system(.noSuchFileOrDirectory), path: test.directory.file("none"))
    ) { try other.claim("a", at: place) }
  }

  @Test func aLockedFileNamesWhoLockedIt() throws {
    try test.claim("a", at: place)
    let lock = try File(openingExisting: test.path + ".lock")
    #expect(try lock.lock(until: Deadline(after: .zero)))
    expectClaimsError(.file(.locked(by: getpid()), path: test.path)) {
      try test.claim("b", at: place, timeout: .milliseconds(20))
    }
    // What exists needs no lock.
    try test.claim("a", at: place, timeout: .milliseconds(20))
    // Not even if the ledger has lost it; that is said.
    try FileManager.default.removeItem(atPath: test.ledgerPath)
    try test.write(test.text.replacing("Z ", with: "Z/2000-01-01T00:00:00Z "))
    try test.claim("a", at: place, timeout: .milliseconds(20))
    #expect(
      test.notes.all.last
        == .notMirrored(.file(.locked(by: getpid()), path: test.path)))
    lock.unlock()
    try test.claim("b", at: place)
    try test.expectAgreement()
  }

  @Test func aLockFileThatIsRemovedIsMadeAgain() throws {
    try test.claim("a", at: place)
    #expect(unlink(test.path + ".lock") == 0)
    try test.claim("b", at: place)
    try test.expectAgreement()
  }

  @Test func whatAKilledProcessLeftIsCleared() throws {
    try Data("half of a li".utf8).write(to: URL(filePath: test.path + ".new"))
    try test.claim("a", at: place)
    #expect(!FileManager.default.fileExists(atPath: test.path + ".new"))
    try test.expectAgreement()
  }

  /// Nothing is claimed if the file cannot be written.
  @Test func aFileThatCannotBeWrittenIsAnError() throws {
    try test.claim("a", at: place)
    let text = try test.text
    // A directory with a file in it is in the way.
    try FileManager.default.createDirectory(
      atPath: test.path + ".new/x", withIntermediateDirectories: true)
    #expect(throws: ClaimsError.self) { try test.claim("b", at: place) }
    #expect(throws: ClaimsError.self) { try test.forget("a", at: place) }
    #expect(try test.text == text)
    try test.expectAgreement()
  }

  @Test func aFullDiskIsAnError() async {
    await #expect(processExitsWith: .success) { try useFullDisk() }
  }

  @Test func aReadOnlyDirectoryIsAnError() async {
    await #expect(processExitsWith: .success) {
      if getuid() == 0 { try #require(setuid(65534) == 0) }
      let directory = try TemporaryDirectory()
      let state = directory.file("state")
      #expect(mkdir(state, 0o700) == 0)
      let test = try TestClaims(file: state + "/claims")
      let place = try test.place("p")
      let port = try test.claim("a", at: place)
      let text = try test.text
      #expect(unlink(state + "/claims.lock") == 0)
      #expect(chmod(state, 0o500) == 0)
      defer { chmod(state, 0o700) }
      for body in [
        { try test.claim("b", at: place) },
        { _ = try test.forget("a", at: place) },
      ] as [() throws -> Void] {
        expectClaimsError(
          .file(.system(.permissionDenied), path: state + "/claims.lock"), body)
      }
      #expect(try test.claim("a", at: place) == port)
      #expect(try test.text == text)
      try test.expectAgreement()
    }
  }

  @Test(.enabled(if: getuid() == 0, "only root can change owners"))
  func aFileOfAnotherUserIsOnlyRead() throws {
    let port = try test.claim("a", at: place)
    #expect(chown(test.path, 1, 1) == 0)
    let problem = ClaimsError.file(.foreign(owner: 1), path: test.path)
    expectClaimsError(problem) { try test.claim("b", at: place) }
    expectClaimsError(problem) { try test.forget("a", at: place) }
    #expect(try test.claim("a", at: place) == port)
    #expect(problem.description.contains("belongs to uid 1"))
    // A directory of another user, in which there is no file yet.
    let directory = test.directory.file("theirs")
    #expect(mkdir(directory, 0o700) == 0)
    #expect(chown(directory, 1, 1) == 0)
    let other = try TestClaims(file: directory + "/claims")
    expectClaimsError(.file(.foreign(owner: 1), path: directory)) {
      try other.claim("a", at: place)
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: directory) == [])
  }

  /// A parent directory that may not be searched hides a place, and frees nothing.
  @Test func aPlaceThatCannotBeLookedAtIsNotGone() async throws {
    await #expect(processExitsWith: .success) {
      if getuid() == 0 { try #require(setuid(65534) == 0) }
      let test = try TestClaims()
      let pool = PortPool([10000...10001])
      let hidden = try test.place("parent/p")
      let gone = try test.place("q")
      let r = try test.place("r")
      let kept = try test.claim("a", at: hidden, pool: pool)
      let freed = try test.claim("a", at: gone, pool: pool)
      try test.remove(gone)
      let parent = test.directory.file("parent")
      #expect(chmod(parent, 0) == 0)
      #expect(try test.claim("a", at: r, pool: pool) == freed)
      #expect(throws: ClaimsError.self) {
        try test.claim("b", at: r, pool: pool)
      }
      #expect(chmod(parent, 0o700) == 0)
      #expect(try test.claim("a", at: hidden, pool: pool) == kept)
      #expect(try test.claims.list().claims.allSatisfy { $0.goneSince == nil })
    }
  }

  @Test func aHungFileSystemDoesNotHangAClaim() throws {
    let released = DispatchSemaphore(value: 0)
    let look = DirectoryLook(at: ["/a", "/hung", "/b"]) { path in
      if path == "/hung" { released.wait() }
      return .gone
    }
    #expect(
      look.presences(within: .milliseconds(50), on: test.threads)
        == [.gone, .unknown, .unknown])
    released.signal()
    #expect(Presence(ofDirectory: "/dev/null") == .gone)
    #expect(Presence(ofDirectory: "/dev/null/x") == .gone)
    #expect(Presence(ofDirectory: test.path + "/x") == .gone)
    #expect(
      Presence(ofDirectory: "/" + String(repeating: "x", count: 300))
        == .unknown)
    #expect(
      DirectoryLook(at: ["/", "/none"]).presences(
        within: .seconds(5), on: test.threads) == [.exists, .gone])
  }

  // MARK: The location

  @Test func theLocationFollowsTheEnvironment() throws {
    func path(_ stateHome: String?, _ home: String?) throws -> String {
      try ClaimsLocation(
        stateHome: stateHome, home: home, user: 0, machine: "m"
      ).path
    }
    #expect(
      try path(nil, "/home/u") == "/home/u/.local/state/portpicker/claims-m")
    #expect(try path("/s/", "/home/u") == "/s/portpicker/claims-m")
    #expect(
      try path("s", "/home/u") == "/home/u/.local/state/portpicker/claims-m")
    #expect(try path(nil, "/") == "/.local/state/portpicker/claims-m")
    let root = try #require(homeDirectory(of: 0))
    #expect(try path(nil, nil) == root + "/.local/state/portpicker/claims-m")
    #expect(try path(nil, "u") == root + "/.local/state/portpicker/claims-m")
    #expect(throws: ClaimsError.file(.noHome(user: 4_000_000_000), path: "")) {
      try ClaimsLocation(stateHome: nil, home: nil, user: 4_000_000_000)
    }
    #expect(throws: ClaimsError.file(.relativePath, path: "claims")) {
      try ClaimsLocation(namedByUser: "claims")
    }
    let machine = ClaimsLocation.machineName()
    #expect(!machine.isEmpty && !machine.contains("/"))
  }

  @Test func theDirectoryIsCreatedForThisUserOnly() throws {
    let home = test.directory.path
    let location = try ClaimsLocation(
      stateHome: nil, home: home, user: geteuid(), machine: "m")
    let claims = Claims(at: location, user: geteuid())
    #expect(try claims.list().claims == [])
    #expect(try claims.ports() == nil)
    let context = ClaimContext(
      pool: .test, host: FakeHost(), threads: test.threads,
      deadline: Deadline(after: .seconds(5)))
    let name = try #require(PortName("a"))
    _ = try claims.claim(
      [ClaimRequest(name)], at: place, in: test.ledger, context
    ) { _ in }
    for directory in [".local", ".local/state", ".local/state/portpicker"] {
      #expect(
        try Stat(home + "/" + directory).permissions == .ownerReadWriteExecute)
    }
    #expect(try claims.list().claims.count == 1)
    // The home directory itself is never created.
    let none = try ClaimsLocation(
      stateHome: nil, home: home + "/none", user: geteuid(), machine: "m")
    #expect(throws: ClaimsError.self) {
      try Claims(at: none, user: geteuid()).claim(
        [ClaimRequest(name)], at: place, in: test.ledger, context
      ) { _ in }
    }
    #expect(!FileManager.default.fileExists(atPath: home + "/none"))
  }
}

/// Claims names in a file system that is full.
private func useFullDisk() throws {
  let directory = try TemporaryDirectory()
  let disk = directory.file("disk")
  #expect(mkdir(disk, 0o700) == 0)
  // Without the right to mount, there is nothing to test.
  guard cts_mount_memory(disk, "size=16k") == 0 else { return }
  let test = try TestClaims(file: disk + "/claims")
  let place = try test.place("p")
  try test.claim("a", at: place)
  let text = try test.text
  let filler = try File(creating: disk + "/filler")
  #expect(throws: Errno.noSpace) {
    try filler.write([UInt8](repeating: 1, count: 1 << 16), at: 0)
  }
  let expected = ClaimsError.file(.system(.noSpace), path: disk + "/claims")
  #expect(expected.description.contains("make space there"))
  expectClaimsError(expected) { try test.claim("b", at: place) }
  #expect(try test.text == text)
  try test.expectAgreement()
  try filler.resize(to: 0)
  try test.claim("b", at: place)
  try test.expectAgreement()
}
