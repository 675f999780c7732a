package import PortLeasing
package import SystemPackage

/// Why ports can be neither leased nor given back.
///
/// That there are none left is no error but a ``LeaseOutcome``.
package enum LeasingError: Error, Hashable {
  /// The ledger cannot be used.
  case ledger(LedgerProblem, path: String)
  /// A port cannot be probed.
  case probe(UInt16, Errno)
  /// The process that asks cannot be told apart from others.
  case asker(Errno)
  /// The time was over before enough ports were found; what was found out until
  /// then.
  case outOfTime(PoolUsage)

  /// The system's error behind it, if there is one.
  package var errno: Errno? {
    switch self {
    case .ledger(.system(let errno), _), .probe(_, let errno),
      .asker(let errno):
      errno
    case .ledger, .outOfTime: nil
    }
  }
}

/// What is wrong with a ledger, or with the directory that it should be in.
package enum LedgerProblem: Hashable, Sendable {
  /// A system call failed.
  case system(Errno)
  /// The path names a symbolic link.
  case symbolicLink
  /// The path names a directory, a device, a pipe…
  case notAFile
  /// The file that the user named is something else.
  case notALedger
  /// The file has more than one name.
  case hardLinks
  /// The directory is a link or a file.
  case notADirectory
  /// The directory belongs to another user.
  case foreignDirectory(owner: UInt32)
  /// Others may write into the directory.
  case openDirectory
  /// There is no directory that a ledger's directory can be made in.
  case noPlace
  /// The path does not begin with a slash.
  case relativePath
  /// The ledger is of another network or pid namespace.
  case otherNamespace
  /// Another process kept the ledger locked until the deadline.
  case locked(by: Int32?)
  /// Others keep replacing the file.
  case unstable
}

extension LeasingError: CustomStringConvertible {
  /// What is wrong, and what to do about it.
  package var description: String {
    description(elsewhere: "in PORTPICKER_LEDGER")
  }

  /// What is wrong, and what to do about it.
  ///
  /// - Parameter elsewhere: Where another file can be named.
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
        + "\(usage.leased) are leased and \(usage.inUse) in use by others, as far "
        + "as they were looked at; allow more time, or use a larger pool"
    }
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
      "'\(path)' is no ledger, and is left as it is; remove it, or \(elsewhere)"
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
      "'\(path)', the directory for this user's ledger, can be written to by "
        + "others; run chmod 700 '\(path)', or \(elsewhere)"
    case .noPlace:
      "the ledger's directory can be made neither in \(path); \(elsewhere)"
    case .relativePath:
      "the ledger's path '\(path)' is another file in every directory; "
        + "begin it with '/'"
    case .otherNamespace:
      "the ledger '\(path)' is of another network or pid namespace, maybe "
        + "one that is gone; remove it if no process uses it, or \(elsewhere)"
    case .locked(let pid?):
      "process \(pid) keeps the ledger '\(path)' locked; if it was stopped, "
        + "continue it or end it"
    case .locked(nil):
      "the ledger '\(path)' stays locked; /proc/locks says by which process"
    case .unstable:
      "the ledger '\(path)' is replaced again and again; end what does that, "
        + "or \(elsewhere)"
    }
  }
}

extension Errno {
  /// What to do about an error that has one remedy wherever it comes from.
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
