import CTestSupport
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import HostSystem

@Suite(.alone) struct ProcessLineageTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    for name in ["a", "b", "c"] { mkdir(directory.file(name), 0o755) }
    chmod(directory.path, 0o755)
  }

  private func path(_ name: String) -> ProcessLineage.Directory {
    .path(directory.file(name))
  }

  /// A leader in `a`, a shell in `b`, and a process in `c`, whose pid it prints, and
  /// which then runs a script.
  private func family(_ last: String = "exec sleep 100000") throws -> Family {
    try Data(last.utf8).write(to: URL(fileURLWithPath: directory.file("last")))
    return try Family(
      """
      cd a
      sh -c '(cd ../b; sh -c "cd ../c; echo \\$\\$; exec sh ../last"; true); true'
      true
      """, in: directory.path)
  }

  @Test func itHasTheAncestorsBelowTheLeader() throws {
    let family = try family()
    defer { family.end() }
    let pid = try family.nextPID()
    let lineage = try #require(ProcessLineage.of(pid))
    // The subshell in b and the shell that made it.
    #expect(lineage.directories == [path("c"), path("b"), path("a")])
    #expect(lineage.process.pid == pid)
    #expect(
      try ProcessIdentity.lookUp(pid) == .living(lineage.process))
    #expect(ProcessLineage.of(family.leader)?.directories == [path("a")])
  }

  @Test func aLeaderHasNoAncestors() throws {
    let family = try family("exec setsid sh -c 'echo $$; exec sleep 100000'")
    defer { family.end() }
    _ = try family.nextPID()
    let pid = try family.nextPID()
    defer { kill(pid, SIGKILL) }
    #expect(ProcessLineage.of(pid)?.directories == [path("c")])
  }

  @Test func aChildOfAnotherSessionsLeaderHasNoAncestors() throws {
    let family = try family(
      "exec setsid sh -c 'sh -c \"cd ..; echo \\$\\$; exec sleep 100000\"; true'"
    )
    _ = try family.nextPID()
    defer { family.end() }
    let pid = try family.nextPID()
    defer { kill(-getsid(pid), SIGKILL) }
    #expect(
      ProcessLineage.of(pid)?.directories == [.path(directory.path)])
  }

  @Test func aRemovedDirectoryIsSaidToBe() throws {
    let family = try family()
    defer { family.end() }
    let pid = try family.nextPID()
    #expect(rmdir(directory.file("c")) == 0)
    let deleted = ProcessLineage.Directory.deleted(
      directory.file("c") + " (deleted)")
    #expect(ProcessLineage.of(pid)?.directories.first == deleted)
    // Also if there is another one in its place.
    #expect(mkdir(directory.file("c"), 0o755) == 0)
    #expect(ProcessLineage.of(pid)?.directories.first == deleted)
    // One that is moved is still the same.
    #expect(
      rename(directory.file("b"), directory.file("d")) == 0)
    #expect(
      ProcessLineage.of(pid)?.directories == [deleted, path("d"), path("a")])
  }

  @Test(.enabled(if: getuid() == 0, "needs root"))
  func anotherUsersDirectoriesAreHidden() throws {
    let family = try family()
    defer { family.end() }
    let pid = try family.nextPID()
    try runThread {
      #expect(cts_act_as(1234) == 0)
      #expect(
        ProcessLineage.of(pid)?.directories == [.hidden, .hidden, .hidden])
    }
  }

  @Test(.enabled(if: canUnshare, "needs namespaces"))
  func aDirectoryInAnotherMountNamespaceIsHidden() throws {
    let family = try family(
      "exec unshare --mount sh -c 'echo $$; exec sleep 100000'")
    _ = try family.nextPID()
    defer { family.end() }
    let pid = try family.nextPID()
    #expect(
      ProcessLineage.of(pid)?.directories == [.hidden, path("b"), path("a")])
  }

  // MARK: - Changes

  @Test func aProcessThatEndsHasNoLineage() throws {
    let family = try family()
    defer { family.end() }
    let pid = try family.nextPID()
    #expect(ProcessLineage.of(pid) { false } == nil)
    #expect(
      ProcessLineage.of(pid) {
        // The shell reaps it, and goes on.
        kill(pid, SIGKILL)
        while kill(pid, 0) == 0 { sched_yield() }
        return true
      } == nil)
    #expect(ProcessLineage.of(pid) == nil)
    #expect(ProcessLineage.of(0) == nil)
    #expect(ProcessLineage.of(-1) == nil)
  }

  @Test func aZombieHasNoLineage() throws {
    let zombie = cts_start_zombie()
    try #require(zombie > 0)
    defer { cts_end(zombie) }
    #expect(ProcessLineage.of(zombie) == nil)
  }

  @Test func aProcessThatLosesItsParentIsNotTakenForAnothersChild() throws {
    let family = try family()
    defer { family.end() }
    let pid = try family.nextPID()
    let parent = try ProcessStatus(ofProcess: pid).parent
    #expect(
      ProcessLineage.of(pid) {
        kill(parent, SIGKILL)
        while (try? ProcessStatus(ofProcess: pid).parent) == parent {
          sched_yield()
        }
        return true
      } == nil)
    // Its parent is now outside of its session, or above it.
    #expect(ProcessLineage.of(pid)?.directories == [path("c")])
  }
}

/// Processes in a session of their own, which are killed in the end.
private final class Family {
  private let command: RunningCommand

  /// Starts a shell script in a directory.
  init(_ script: String, in directory: String) throws {
    command = try Command(
      "/usr/bin/env",
      ["setsid", "sh", "-c", "cd \"$0\" || exit 1\n" + script, directory]
    ).start()
  }

  /// Kills the processes.
  func end() {
    kill(-leader, SIGKILL)
    // The pipe ends when all of them have.
    command.end()
  }

  var leader: Int32 { command.pid }

  /// The next pid that one of them prints.
  func nextPID() throws -> Int32 {
    try #require(command.nextLine().flatMap { Int32($0) })
  }
}
