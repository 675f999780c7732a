import Foundation
import HostSystem
import PortLeasing
import PortLedger
import SystemPackage
import TestSupport
import Testing

/// Which files and directories are accepted for a ledger, and which are refused.
@Suite(.alone) struct LedgerPlaceTests {
  private let pool = PortPool([25000...25009])
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func use(_ path: String) throws {
    let location = try LedgerLocation(namedByUser: path)
    _ = try Ledger(at: location, context: .test) { _ in }.lease(pool, to: .a)
  }

  @Test func aSymbolicLinkIsRefused() throws {
    let file = directory.file("file")
    try use(file)
    try FileManager.default.createSymbolicLink(
      atPath: directory.file("link"), withDestinationPath: file)
    try expectProblem(.symbolicLink) { try use(directory.file("link")) }
  }

  @Test func aFileWithTwoNamesIsRefused() throws {
    let file = directory.file("file")
    try use(file)
    try FileManager.default.linkItem(
      atPath: file, toPath: directory.file("second"))
    try expectProblem(.hardLinks) { try use(directory.file("second")) }
    try expectProblem(.hardLinks) { try use(file) }
    try FileManager.default.removeItem(atPath: directory.file("second"))
    try use(file)
  }

  @Test func whatIsNoFileIsRefused() throws {
    try expectProblem(.notAFile) { try use(directory.path) }
    try expectProblem(.notAFile) { try use("/dev/null") }
    #expect(mkfifo(directory.file("pipe"), 0o600) == 0)
    try expectProblem(.notAFile) { try use(directory.file("pipe")) }
  }

  @Test func aPathHasToBeginWithASlash() throws {
    try expectProblem(.relativePath) { try use("ledger") }
  }

  @Test func aPathThatIsTooLongIsRefused() throws {
    let name = String(repeating: "x", count: 300)
    try expectProblem(.system(.fileNameTooLong)) {
      try use(directory.file(name))
    }
  }

  @Test func aDirectoryThatIsNotThereIsSaid() throws {
    try expectProblem(.system(.noSuchFileOrDirectory)) {
      try use(directory.file("nowhere/ledger"))
    }
  }

  @Test func aLockedLedgerNamesWhoLockedItAtTheDeadline() throws {
    let path = directory.file("file")
    try use(path)
    let other = try File(openingExisting: path)
    #expect(try other.lock(until: Deadline(after: .zero)))
    let ledger = Ledger(
      at: try LedgerLocation(namedByUser: path), context: .test
    ) { _ in }
    try expectProblem(.locked(by: getpid())) {
      _ = try ledger.lease(pool, to: .a, timeout: .milliseconds(20))
    }
    other.unlock()
    _ = try ledger.lease(pool, to: .a)
  }

  // MARK: The user's own directory

  /// Uses the ledger of given namespaces, in the user's directory.
  @discardableResult
  private func useLedger(
    process: Namespace, network: Namespace, by holder: ProcessIdentity = .a
  ) throws -> String {
    let context = LedgerContext(
      boot: try bootIdentifier(), network: network, process: process)
    let location = try LedgerLocation(
      ofUser: getuid(), context: context, parents: [directory.path])
    _ = try Ledger(at: location, context: context) { _ in }
      .lease(pool, to: holder)
    return location.path
  }

  @Test(.enabled(if: canUnshare, "namespaces cannot be made"))
  func ledgersOfNamespacesThatAreGoneAreRemoved() throws {
    let own = try Namespace.pid()
    // Another namespace cannot tell.
    guard own == .hostPID else { return }
    let other = try Command(
      "/usr/bin/env",
      ["unshare", "--pid", "--fork", "sh", "-c", "echo; exec sleep 1000"]
    ).start()
    defer { other.end() }
    _ = try other.nextLine()
    let child = try #require(
      try String(
        contentsOfFile: "/proc/\(other.pid)/task/\(other.pid)/children",
        encoding: .utf8
      ).split(separator: " ").first.flatMap { Int32($0) })
    defer { kill(child, SIGKILL) }
    var status = stat()
    try #require(stat("/proc/\(child)/ns/pid", &status) == 0)
    let living = Namespace(
      identifier: UInt32(truncatingIfNeeded: status.st_ino))
    let gone = Namespace(identifier: 1)
    let network = try Namespace.network()

    let needed = [
      try useLedger(process: living, network: network),
      // Another network's, with a lease of a live process.
      try useLedger(
        process: own, network: Namespace(identifier: 2),
        by: ProcessIdentity.current()),
      directory.file("portpicker-\(getuid())/ledger-of-mine"),
    ]
    try Data().write(to: URL(fileURLWithPath: needed[2]))
    let useless = [
      try useLedger(process: own, network: Namespace(identifier: 3)),
      try useLedger(process: gone, network: network),
    ]
    for path in needed + useless {
      #expect(FileManager.default.fileExists(atPath: path))
    }
    try useLedger(process: own, network: network)
    for path in needed {
      #expect(FileManager.default.fileExists(atPath: path), "\(path)")
    }
    for path in useless {
      #expect(!FileManager.default.fileExists(atPath: path), "\(path)")
    }
  }

  @Test func theSecondChoiceOfADirectoryIsSaid() throws {
    let warnings = Collected<LedgerWarning>()
    let missing = directory.file("missing")
    let location = try locate(missing, directory.path)
    _ = Ledger(at: location, context: .test) { warnings.add($0) }
    #expect(
      warnings.all == [.elsewhere(path: location.path, unusable: missing)])
    _ = Ledger(at: try locate(directory.path, missing), context: .test) {
      warnings.add($0)
    }
    #expect(warnings.all.count == 1)
  }

  private func locate(_ parents: String...) throws -> LedgerLocation {
    try LedgerLocation(ofUser: getuid(), context: .test, parents: parents)
  }

  private var home: String { directory.file("portpicker-\(getuid())") }

  @Test func theDirectoryIsPrivateAndTheNameCarriesTheNamespaces() throws {
    let location = try locate(directory.path)
    #expect(location.path == home + "/ledger-net1-pid2")
    let status = try Stat(home)
    #expect(status.permissions == .ownerReadWriteExecute)
    _ = try Ledger(at: location, context: .test) { _ in }.lease(pool, to: .a)
    let file = try Stat(location.path)
    #expect(file.permissions == .ownerReadWrite)
    // A second process finds the same one.
    #expect(try locate(directory.path) == location)
  }

  @Test func theNextParentIsForWhereTheFirstIsMissing() throws {
    let location = try locate(directory.file("missing"), directory.path)
    #expect(location.path.hasPrefix(home))
    try expectProblem(.noPlace) { _ = try locate(directory.file("missing")) }
  }

  @Test func aLinkInTheDirectorysPlaceIsRefused() throws {
    try FileManager.default.createSymbolicLink(
      atPath: home, withDestinationPath: directory.path)
    try expectProblem(.notADirectory) {
      _ = try locate(directory.path, "/tmp")
    }
  }

  @Test func aFileInTheDirectorysPlaceIsRefused() throws {
    try Data().write(to: URL(fileURLWithPath: home))
    try expectProblem(.notADirectory) { _ = try locate(directory.path) }
  }

  @Test func aDirectoryOfAnotherUserIsRefused() throws {
    let name = directory.file("portpicker-4711")
    #expect(mkdir(name, 0o700) == 0)
    try expectProblem(.foreignDirectory(owner: getuid())) {
      _ = try LedgerLocation(
        ofUser: 4711, context: .test, parents: [directory.path])
    }
  }

  @Test func aDirectoryThatOthersMayWriteIntoIsRefused() throws {
    #expect(mkdir(home, 0o700) == 0 && chmod(home, 0o770) == 0)
    try expectProblem(.openDirectory) { _ = try locate(directory.path) }
  }

  @Test func aRemovedDirectoryIsMadeAgain() throws {
    let location = try locate(directory.path)
    let ledger = Ledger(at: location, context: .test) { _ in }
    _ = try ledger.drain(PortPool([25000...25003]), to: .a)
    try FileManager.default.removeItem(atPath: home)
    #expect(try ledger.drain(pool, to: .b).count == 6)
  }

  // MARK: Rights and space

  @Test func aFileThatMayNotBeWrittenIsSaid() async {
    await #expect(processExitsWith: .success) {
      // Root may write anywhere.
      if getuid() == 0 { #expect(setuid(65534) == 0) }
      let directory = try TemporaryDirectory()
      let path = directory.file("ledger")
      try Data().write(to: URL(fileURLWithPath: path))
      #expect(chmod(path, 0o444) == 0)
      try expectProblem(.system(.permissionDenied)) {
        let location = try LedgerLocation(namedByUser: path)
        _ = try Ledger(at: location, context: .test) { _ in }
          .lease(PortPool([25000...25009]), to: .a)
      }
    }
  }
}
