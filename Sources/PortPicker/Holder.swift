import HostSystem
import SystemPackage

/// The process that ports are to be leased to.
struct Holder {
  let pid: Int32

  /// Whether it is this process.
  let isOwn: Bool

  /// Which process it is, or why that cannot be told.
  ///
  /// A port server may know all the same.
  let identity: Result<ProcessIdentity, PortPickerError>

  /// Finds out about a process, or, for `nil`, about this one.
  ///
  /// - Throws: Why no port is ever leased to this pid: `invalidArgument`,
  ///   `noSuchProcess`, `processNotAllowed`.
  init(_ named: Int32?) throws(PortPickerError) {
    let own = currentPID()
    let pid = named ?? own
    guard pid > 0 else {
      throw PortPickerError(
        .invalidArgument,
        "the process is \(pid); the pid of a running process is expected")
    }
    if pid == 1, (try? Namespace.process()) ?? .hostProcess == .hostProcess {
      throw PortPickerError(
        .processNotAllowed,
        "process 1 is the host's init, which never ends, so the lease would "
          + "never end either; pass the pid of your own script ($$)")
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
            "/proc hides process \(pid), so nobody could tell when it ends; "
              + "ask as the user that owns it"))
      case .kernelThread:
        throw Errno.notPermitted
      }
    } catch .noSuchProcess {
      throw PortPickerError(
        .noSuchProcess,
        "there is no process \(pid), or it has ended; the pid of a running "
          + "process is expected", .noSuchProcess)
    } catch .notPermitted {
      throw PortPickerError(
        .processNotAllowed,
        "process \(pid) is a kernel thread, which never ends, so the lease would "
          + "never end either; pass the pid of your own script ($$)")
    } catch .notSupported {
      identity = .failure(
        PortPickerError(
          .systemFailure,
          "/proc shows another pid namespace than this process is in; mount "
            + "it anew (mount -t proc proc /proc)", .notSupported))
    } catch {
      identity = .failure(
        PortPickerError(
          .systemFailure,
          "/proc/\(pid)/stat cannot be read: \(error); mount /proc, or free "
            + "what the system is short of", error))
    }
  }
}
