import HostSystem
import PortLedger
import SystemPackage

/// The process that ports are leased to.
struct Holder {
  let pid: Int32

  /// Whether it is this process.
  let isOwn: Bool

  /// Its identity, or why that is unknown.
  ///
  /// A port server may still know it.
  let identity: Result<ProcessIdentity, PortPickerError>

  /// Looks up a process; `nil` stands for this one.
  ///
  /// - Throws: `invalidArgument`, `noSuchProcess` or `processNotAllowed` if no
  ///   allocator can lease a port to it.
  init(_ named: Int32?) throws(PortPickerError) {
    let own = currentPID()
    let pid = named ?? own
    guard pid > 0 else {
      throw PortPickerError(
        .invalidArgument,
        "the process is \(pid); expected the pid of a running process")
    }
    if pid == 1, (try? Namespace.pid()) ?? .hostPID == .hostPID {
      throw PortPickerError(
        .processNotAllowed,
        "process 1 is the host's init, which never ends, so its lease would "
          + "never end; pass the pid of your own script ($$)")
    }
    self.pid = pid
    isOwn = pid == own
    do throws(Errno) {
      switch try isOwn
        ? .living(ProcessIdentity.current()) : ProcessIdentity.lookUp(pid)
      {
      case .living(let known):
        identity = .success(known)
      case .gone:
        throw Errno.noSuchProcess
      case .hidden:
        identity = .failure(
          PortPickerError(
            .processNotAllowed,
            "/proc hides process \(pid), so its end cannot be detected; ask as "
              + "the user that owns it"))
      case .kernelThread:
        throw Errno.notPermitted
      }
    } catch .noSuchProcess {
      throw PortPickerError(
        .noSuchProcess,
        "process \(pid) does not exist, or it has ended; expected the pid of a "
          + "running process", .noSuchProcess)
    } catch .notPermitted {
      throw PortPickerError(
        .processNotAllowed,
        "process \(pid) is a kernel thread, which never ends, so its lease would "
          + "never end; pass the pid of your own script ($$)")
    } catch .notSupported {
      identity = .failure(
        PortPickerError(
          .systemFailure,
          "/proc belongs to another pid namespace; mount it again (mount -t proc "
            + "proc /proc)", .notSupported))
    } catch {
      identity = .failure(
        PortPickerError(
          .systemFailure,
          "cannot read /proc/\(pid)/stat: \(error); "
            + (error.advice ?? "mount /proc"), error))
    }
  }
}
