package import HostSystem

extension UnixServerSocketError {
  /// What is wrong, and what to do about it.
  package var text: String {
    switch self {
    case .inUse(let pid?):
      "process \(pid) listens there; end it, or name another address in "
        + "--address"
    case .inUse(nil):
      "another process listens there; end it, or name another address in "
        + "--address"
    case .notASocket:
      "there is a file that is no socket; remove it, or name another path in "
        + "--address"
    case .notListening:
      "it is no listening unix stream socket; correct ListenStream in the "
        + "socket unit"
    case .system(let errno):
      "\(errno); name an address in --address that this user may make"
    }
  }
}
