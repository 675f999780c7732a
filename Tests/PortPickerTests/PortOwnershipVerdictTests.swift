import HostSystem
import Testing

@testable import PortPicker

struct PortOwnershipVerdictTests {
  private func verdict(
    _ directories: [ProcessLineage.Directory], known: [String] = [],
    worktrees: Set<String> = []
  ) -> PortOwnership.Verdict {
    PortOwnership.verdict(
      on: ProcessLineage(
        process: ProcessIdentity(pid: 1, startTime: 1),
        directories: directories),
      in: "/p/a", known, isLinkedWorktree: worktrees.contains)
  }

  @Test
  func `A directory inside the place decides`() {
    #expect(verdict([.path("/p/a")]) == .mine)
    #expect(verdict([.path("/p/a/b/c")]) == .mine)
    #expect(verdict([.path("/p/ab")]) == .other(place: nil))
    #expect(verdict([.path("/p")]) == .other(place: nil))
    #expect(verdict([.path("/"), .path("/x"), .path("/p/a/b")]) == .mine)
    #expect(verdict([.path("/p/a"), .hidden]) == .mine)
  }

  @Test
  func `A nearer directory in another place decides`() {
    let known = ["/p/b", "/p/b/c", "/p", "/p/a"]
    #expect(verdict([.path("/p/b/d")], known: known) == .other(place: "/p/b"))
    #expect(
      verdict([.path("/p/b/c/d"), .path("/p/a")], known: known)
        == .other(place: "/p/b/c"))
    #expect(verdict([.path("/p/a"), .path("/p/b")], known: known) == .mine)
    // A place around this one is no other.
    #expect(verdict([.path("/p/x"), .path("/p/a")], known: known) == .mine)
    #expect(verdict([.path("/p/x")], known: known) == .other(place: "/p"))
  }

  @Test
  func `A place inside the place is another`() {
    #expect(
      verdict([.path("/p/a/w/d"), .path("/p/a")], known: ["/p/a/w", "/p/a"])
        == .other(place: "/p/a/w"))
    #expect(
      verdict([.path("/p/a/w/d"), .path("/p/a")], worktrees: ["/p/a/w"])
        == .other(place: "/p/a/w"))
    // This place may itself be a linked worktree.
    #expect(verdict([.path("/p/a/w")], worktrees: ["/p/a", "/p"]) == .mine)
  }

  @Test
  func `What cannot be seen is unknown, and never mine`() {
    #expect(
      PortOwnership.verdict(on: nil, in: "/p/a", []) == .unknown)
    #expect(verdict([.hidden, .path("/p/a")]) == .unknown)
    #expect(verdict([.path("/"), .hidden]) == .unknown)
    #expect(verdict([.path("/"), .hidden, .path("/p/a")]) == .mine)
    #expect(
      verdict([.path("/q"), .hidden], known: ["/q"]) == .other(place: "/q"))
  }

  @Test
  func `A removed directory is in no place`() {
    #expect(verdict([.deleted("/p/a (deleted)")]) == .other(place: nil))
    #expect(verdict([.deleted("/p/a/b (deleted)"), .path("/p/a")]) == .mine)
  }

  @Test
  func `One of several processes, and all of several sockets`() {
    let other = PortOwnership.Verdict.other(place: "/b")
    #expect(PortOwnership.ofSocket([]) == .unknown)
    #expect(PortOwnership.ofSocket([other, .unknown, .mine]) == .mine)
    #expect(PortOwnership.ofSocket([other, .unknown]) == .unknown)
    #expect(PortOwnership.ofSocket([other]) == other)
    #expect(PortOwnership.together([]) == .none)
    #expect(PortOwnership.together([.mine, .mine]) == .mine)
    #expect(PortOwnership.together([.mine, .unknown]) == .unknown)
    #expect(PortOwnership.together([.mine, .unknown, other]) == other)
  }
}
