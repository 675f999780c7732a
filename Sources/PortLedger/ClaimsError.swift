import HostSystem
package import PortLeasing
package import SystemPackage

/// Why claims cannot be read, made or forgotten.
package enum ClaimsError: Error, Hashable {
  /// The claims file cannot be used.
  case file(ClaimsProblem, path: String)
  /// The ledger cannot be used, or ports cannot be probed.
  case leasing(LeasingError)
  /// A name has another number of ports than expected.
  case otherCount(Claim, expected: Int)
  /// There are not enough ports for a name.
  case exhausted(PoolUsage, PortName, count: Int, pool: PortPool)

  /// The underlying system error, if any.
  package var errno: Errno? {
    switch self {
    case .file(.system(let errno), _): errno
    case .leasing(let error): error.errno
    case .file, .otherCount, .exhausted: nil
    }
  }
}

/// What is wrong with a claims file, or with its directory.
package enum ClaimsProblem: Hashable, Sendable {
  /// A system call failed.
  case system(Errno)
  /// The path names a directory, a device, a pipe, or a socket.
  case notAFile
  /// The file has more than this many bytes.
  case tooLarge(limit: Int)
  /// The path in the environment does not begin with a slash.
  case relativePath
  /// An environment variable, which is the path here, is not UTF-8.
  case notText
  /// The file or directory belongs to another user, and is only read.
  case foreign(owner: UInt32)
  /// The user has no home directory.
  case noHome(user: UInt32)
  /// Another process, if it is known, kept the file locked until the deadline.
  case locked(by: Int32?)
  /// The file that is locked is replaced again and again.
  case unstable
  /// The path of the place cannot be in a line.
  case place
}

extension ClaimsError: CustomStringConvertible {
  /// What is wrong, and what to do about it.
  package var description: String {
    switch self {
    case .file(let problem, let path): problem.description(of: path)
    case .leasing(let error): error.description
    case .otherCount(let claim, let expected):
      "'\(claim.name)' has \(claim.ports.count) "
        + (claim.ports.count == 1 ? "port" : "ports")
        + " in '\(claim.place.text)', not \(expected); to claim it again, first give "
        + "it up: portpicker forget \(claim.name)"
    case .exhausted(let usage, let name, let count, let pool):
      (count == 1
        ? "no port is left" : "fewer than \(count) ports are left in a row")
        + " for '\(name)': of the \(usage.ports) ports of the pool \(pool.summary), "
        + usage.summary
        + "; forget names that are not needed, or use a larger pool"
    }
  }
}

extension ClaimsProblem {
  fileprivate func description(of path: String) -> String {
    let elsewhere = "or name another file in PORTPICKER_CLAIMS"
    switch self {
    case .system(let errno):
      return "cannot use the claims file '\(path)': \(errno); "
        + (errno.advice ?? "make it readable and writable") + ", \(elsewhere)"
    case .notAFile:
      return "the claims file '\(path)' is not a regular file; remove it, "
        + elsewhere
    case .tooLarge(let limit):
      return
        "the claims file '\(path)' has more than \(limit) bytes; remove lines "
        + "that are no claims, \(elsewhere)"
    case .relativePath:
      return "the path of the claims file in PORTPICKER_CLAIMS is relative "
        + "('\(path)'); use an absolute path"
    case .notText: return "\(path) is not valid UTF-8; correct it"
    case .foreign(let owner):
      let name = userName(of: owner).map { " (\($0))" } ?? ""
      return
        "'\(path)', for named ports, belongs to uid \(owner)\(name), so it is "
        + "only read; run as that user, or with your own HOME (sudo -H), "
        + elsewhere
    case .noHome(let user):
      return
        "HOME is not set, and uid \(user) has no home directory in /etc/passwd, "
        + "so there is no claims file; name one in PORTPICKER_CLAIMS"
    case .locked(let pid?):
      return "process \(pid) keeps the claims file '\(path)' locked; if it was "
        + "stopped, continue it or end it"
    case .locked(nil):
      return
        "the claims file '\(path)' stays locked; /proc/locks lists the process"
    case .unstable:
      return
        "'\(path)' is replaced again and again; stop the program that does it, "
        + elsewhere
    case .place:
      return
        "the path '\(printable(path))' cannot be in the claims file; rename "
        + "the directory so that its path is one line without a carriage return"
    }
  }
}
