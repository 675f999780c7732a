package import HostSystem
import PortLedger

extension UnixServerSocketError {
  /// What is wrong, and what to do about it.
  package var text: String {
    switch self {
    case .inUse(let pid?):
      "process \(pid) listens there; end it, or choose another --address"
    case .inUse(nil):
      "another process listens there; end it, or choose another --address"
    case .notASocket:
      "the path names a file that is not a socket; remove it, or choose another "
        + "path in --address"
    case .notListening:
      "it is not a listening unix stream socket; correct ListenStream in the "
        + "socket unit"
    case .system(let errno):
      "\(errno); "
        + (errno.advice ?? "choose an --address that this user may create")
    }
  }
}
