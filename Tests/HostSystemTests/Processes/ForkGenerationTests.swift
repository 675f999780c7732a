import CTestSupport
import HostSystem
import Testing

@Suite struct ForkGenerationTests {
  @Test func aProcessKeepsItsNumber() {
    #expect(forkGeneration() > 0)
    #expect(forkGeneration() == forkGeneration())
  }

  @Test func aChildAndAGrandchildHaveOtherNumbers() {
    let own = forkGeneration()
    let child = cts_fork()
    if child == 0 {
      let inherited = forkGeneration()
      let grandchild = cts_fork()
      if grandchild == 0 {
        let isNew = forkGeneration() != inherited && forkGeneration() != own
        _exit(isNew ? 0 : 1)
      }
      let isNew = inherited != own && inherited == forkGeneration()
      _exit(isNew && cts_wait(grandchild) == 0 ? 0 : 1)
    }
    #expect(cts_wait(child) == 0)
    #expect(forkGeneration() == own)
  }
}
