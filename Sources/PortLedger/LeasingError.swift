package import PortLeasing
package import SystemPackage

/// Why ports can be neither leased nor released.
///
/// An exhausted pool is not an error but a ``LeaseOutcome``.
package enum LeasingError: Error, Hashable {
  /// The ledger cannot be used.
  case ledger(LedgerProblem, path: String)
  /// A port cannot be probed.
  case probe(UInt16, Errno)
  /// The process that makes the request cannot be identified.
  case asker(Errno)
  /// The deadline passed before enough ports were found; the usage found until then.
  case outOfTime(PoolUsage)

  /// The underlying system error, if any.
  package var errno: Errno? {
    switch self {
    case .ledger(.system(let errno), _), .probe(_, let errno),
      .asker(let errno):
      errno
    case .ledger, .outOfTime: nil
    }
  }
}

/// What is wrong with a ledger, or with its directory.
package enum LedgerProblem: Hashable, Sendable {
  /// A system call failed.
  case system(Errno)
  /// The path names a symbolic link.
  case symbolicLink
  /// The path names a directory, a device, a pipe, or a socket.
  case notAFile
  /// The file that the user named is not a ledger.
  case notALedger
  /// The file has more than one name (hard links).
  case hardLinks
  /// The directory is a link or a file.
  case notADirectory
  /// The directory belongs to another user.
  case foreignDirectory(owner: UInt32)
  /// The directory is writable by others.
  case openDirectory
  /// The ledger's directory cannot be created anywhere.
  case noPlace
  /// The path does not begin with a slash.
  case relativePath
  /// The ledger belongs to another network or pid namespace.
  case otherNamespace
  /// Another process, if it is known, kept the ledger locked until the deadline.
  case locked(by: Int32?)
  /// The file is replaced again and again.
  case unstable
}

extension LeasingError: CustomStringConvertible {
  /// What is wrong, and what to do about it.
  package var description: String {
    description(elsewhere: "in PORTPICKER_LEDGER")
  }

  /// What is wrong, and what to do about it.
  ///
  /// - Parameter elsewhere: Where the user can name another file.
  /// - Returns: A sentence.
  package func description(elsewhere: String) -> String {
    switch self {
    case .ledger(let problem, let path):
      problem.description(of: path, "name another file \(elsewhere)")
    case .probe(let port, let errno):
      "cannot probe port \(port): \(errno)"
        + (errno.advice.map { "; " + $0 } ?? "")
    case .asker(let errno):
      "/proc does not show this process: \(errno); mount it again (mount -t proc "
        + "proc /proc)"
    case .outOfTime(let usage):
      "no free port was found in time: of the \(usage.ports) ports of the pool, "
        + usage.summary
        + ", of those checked so far; allow more time, or use a larger pool"
    }
  }
}

extension PoolUsage {
  /// How the ports are used, for messages.
  package var summary: String {
    let leased = "\(leased) are leased to living processes"
    return
      (claimed == 0
      ? leased + " and \(inUse) in use by others"
      : leased
        + ", \(claimed) belong to names and \(inUse) are in use by others")
      + (denied == 0 ? "" : ", and binding \(denied) requires a privilege")
  }
}

extension LedgerProblem {
  fileprivate func description(of path: String, _ elsewhere: String) -> String {
    switch self {
    case .system(let errno):
      "cannot use the ledger '\(path)': \(errno); "
        + (errno.advice ?? "make it readable and writable")
        + ", or \(elsewhere)"
    case .symbolicLink:
      "the ledger '\(path)' is a symbolic link, which is never followed; "
        + "remove it, or \(elsewhere)"
    case .notAFile:
      "the ledger '\(path)' is not a regular file; remove it, or \(elsewhere)"
    case .notALedger:
      "'\(path)' is not a ledger, and was left as it is; remove it, or \(elsewhere)"
    case .hardLinks:
      "the ledger '\(path)' has more than one name (hard links); remove it, "
        + "or \(elsewhere)"
    case .notADirectory:
      "'\(path)', the directory for this user's ledger, is a link or a file; "
        + "remove it, or \(elsewhere)"
    case .foreignDirectory(let owner):
      "'\(path)', the directory for this user's ledger, belongs to uid "
        + "\(owner); have it removed, or \(elsewhere)"
    case .openDirectory:
      "'\(path)', the directory for this user's ledger, is writable by "
        + "others; run chmod 700 '\(path)', or \(elsewhere)"
    case .noPlace:
      "the ledger's directory can be created neither in \(path); \(elsewhere)"
    case .relativePath:
      "the ledger's path '\(path)' is relative; use an absolute path"
    case .otherNamespace:
      "the ledger '\(path)' is of another network or pid namespace, which may "
        + "no longer exist; remove it if no process uses it, or \(elsewhere)"
    case .locked(let pid?):
      "process \(pid) keeps the ledger '\(path)' locked; if it was stopped, "
        + "continue it or end it"
    case .locked(nil):
      "the ledger '\(path)' stays locked; /proc/locks lists the process"
    case .unstable:
      "the ledger '\(path)' is replaced again and again; stop the program that does it, "
        + "or \(elsewhere)"
    }
  }
}

extension Errno {
  /// What to do about an error that has the same remedy everywhere.
  package var advice: String? {
    switch self {
    case .noSpace, .diskQuotaExceeded: "make space there"
    case .fileTooLarge: "raise the limit on the size of files (ulimit -f)"
    case .tooManyOpenFiles, .tooManyOpenFilesInSystem:
      "close descriptors or raise the limit (ulimit -n)"
    default: nil
    }
  }
}
