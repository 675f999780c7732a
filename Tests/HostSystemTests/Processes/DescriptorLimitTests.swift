import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite(.alone) struct DescriptorLimitTests {
  @Test func theSoftLimitIsRaisedToTheHardOne() async {
    await #expect(processExitsWith: .success) {
      let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
      for (soft, hard) in [(100, 200), (200, 200), (50, 200), (20, 150)] {
        var limit = rlimit(rlim_cur: rlim_t(soft), rlim_max: rlim_t(hard))
        try systemCall { setrlimit(resource, &limit) }
        #expect(raiseDescriptorLimit() == hard)
        try systemCall { getrlimit(resource, &limit) }
        #expect(limit.rlim_cur == rlim_t(hard))
        #expect(limit.rlim_max == rlim_t(hard))
      }
    }
  }
}
