import Foundation
import TestSupport
import Testing

/// Hosts on which something is not as usual, made with namespaces; they need
/// root, or user namespaces.
@Suite(.alone, .enabled(if: canUnshare, "unshare(1) may not make namespaces"))
struct HostFaultTests {
  private let fixture: CommandFixture

  init() throws {
    fixture = try CommandFixture()
  }

  private func inNamespaces(
    _ options: String..., script: String
  ) throws -> Command.Result {
    try Command(
      "/usr/bin/env", ["unshare"] + options + ["sh", "-c", script],
      environment: [
        "PORTPICKER_LEDGER": fixture.ledger,
        "portpicker": Command.portpickerPath,
        "directory": fixture.directory.path,
      ]
    ).run()
  }

  @Test func aContainersMainProcessIsAHolder() throws {
    let result = try inNamespaces(
      "--pid", "--fork", "--mount-proc", script: "$portpicker 1; exit $?")
    #expect(result.status == 0)
    #expect(result.errors == "")
    #expect(Int(result.output.dropLast()) != nil)
  }

  @Test func aLedgerIsNotSharedWithAnotherNamespace() throws {
    _ = try fixture.ports()
    let result = try inNamespaces(
      "--net", script: "$portpicker $$; exit $?")
    #expect(result.status == 1)
    #expect(result.errors.contains("of another network or pid namespace"))
    // Unnamed, each has its own.
    let own = try inNamespaces(
      "--net",
      script: "unset PORTPICKER_LEDGER; $portpicker $$ && "
        + "ls /dev/shm/portpicker-$(id -u)/ledger-net$(stat -L -c %i "
        + "/proc/self/ns/net)-pid*")
    #expect(own.status == 0)
  }

  @Test func aProcOfAnotherPidNamespaceIsNotBelieved() throws {
    let result = try inNamespaces(
      "--pid", "--fork", script: "$portpicker $$; exit $?")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.errors.contains("mount it again"))
  }

  @Test func aFullFileSystemIsSaidAndLeavesNoLease() throws {
    let port = try unusedTestPort()
    let result = try inNamespaces(
      "--mount",
      script: """
        mount -t tmpfs -o size=4k none "$directory" || exit 99
        $portpicker $$; echo "status $?"
        mount -o remount,size=1m "$directory"
        $portpicker --pool \(port) $$
        """)
    #expect(result.status == 0)
    #expect(result.output == "status 1\n\(port)\n")
    #expect(result.errors.contains("No space left on device; make space there"))
  }

  @Test func withoutPlaceForALedgerTheAdviceIsToNameOne() throws {
    let result = try inNamespaces(
      "--mount",
      script: """
        # The command itself may be under /tmp.
        exec 9<"$portpicker"
        mount -t tmpfs -o ro none /dev/shm || exit 99
        mount -t tmpfs -o ro none /tmp || exit 99
        unset PORTPICKER_LEDGER
        /proc/$$/fd/9 $$
        """)
    #expect(result.status == 1)
    #expect(result.errors.contains("name another file in PORTPICKER_LEDGER"))
  }

  @Test func theLedgerIsInTmpWhereThereIsNoSharedMemory() throws {
    let result = try inNamespaces(
      "--mount",
      script: """
        # The command itself may be under /tmp.
        exec 9<"$portpicker"
        mount -t tmpfs -o ro none /dev/shm || exit 99
        mount -t tmpfs none /tmp || exit 99
        unset PORTPICKER_LEDGER
        /proc/$$/fd/9 $$ >/dev/null && ls -d /tmp/portpicker-*/ledger-net*-pid*
        """)
    #expect(result.status == 0)
    #expect(
      result.errors.contains("because /dev/shm is missing or cannot be written")
    )
  }
}
