import CTestSupport
import Foundation
import HostSystem

/// Whether tests may create namespaces with unshare(1): as root, or with user
/// namespaces.
package let canUnshare: Bool = {
  let result = try? Command(
    "/usr/bin/env",
    ["unshare", "--pid", "--fork", "--mount-proc", "--net", "true"]
  ).run()
  return result?.status == 0
}()

/// Whether threads of this process may enter network namespaces of their own
/// (`cts_enter_network`), and change the kernel's settings there.
package let canEnterNetwork: Bool = {
  let answer = Collected<Bool>()
  let end = DispatchSemaphore(value: 0)
  Thread.detachNewThread {
    let setting = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
    answer.add(cts_enter_network() == 0 && access(setting, W_OK) == 0)
    end.signal()
  }
  end.wait()
  return answer.all == [true]
}()

/// Whether tests can start a process whose command line cannot be read
/// (`cts_start_unreadable`): the host has FUSE, and tests may mount.
package let canStartUnreadable: Bool = {
  let process = cts_start_unreadable()
  if process > 0 { cts_end(process) }
  return process > 0
}()

/// Whether the tests run in the host's pid namespace, whose process 1 never ends.
package let isInHostPIDNamespace =
  (try? Namespace.pid()) == .hostPID

/// Whether strace(1) is installed and may trace.
package let hasStrace: Bool =
  (try? Command("/usr/bin/env", ["strace", "-o", "/dev/null", "true"]).run()
    .status) == 0

/// Whether the tests run under AddressSanitizer.
///
/// `.ci/run` sets its options.
package let isUnderAddressSanitizer = getenv("ASAN_OPTIONS") != nil
