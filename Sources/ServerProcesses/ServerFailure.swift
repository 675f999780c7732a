package import HostSystem
package import SystemPackage

/// Why a server did not become ready.
package enum ServerFailure: Error, Hashable, Sendable {
  /// Its program could not be executed.
  case notStarted(Errno)
  /// It ended before it listened.
  case ended(ProcessEnd)
  /// It did not listen in time.
  case timedOut(Duration)
  /// The sockets of this host cannot be listed.
  case notVisible(Errno)
  /// Its supervisor was killed.
  case lost
  /// The wait was given up.
  case cancelled
}

extension ServerFailure {
  /// What the server did.
  ///
  /// - Parameter ports: The ports that the server was to listen on.
  /// - Returns: A predicate, such as `exited with status 1 before it listened on port
  ///   25003`.
  package func text(_ ports: [UInt16]) -> String {
    let list =
      (ports.count == 1 ? "port " : "ports ")
      + ports.map { "\($0)" }.joined(separator: " and ")
    return
      switch self
    {
    case .notStarted(.noSuchFileOrDirectory):
      "cannot be started: the program, its directory, or the interpreter that it "
        + "names, does not exist"
    case .notStarted(let error): "cannot be started: \(error)"
    case .ended(let end): "\(end) before it listened on \(list)"
    case .timedOut(let limit):
      "does not listen on \(list) after \(limit)"
    case .notVisible(let error):
      "cannot be checked, because sockets cannot be listed: \(error)"
    case .lost: "was ended: its supervisor was killed"
    case .cancelled: "was ended before it listened on \(list)"
    }
  }
}

extension ServerFailure {
  /// Whether the server cannot have written anything.
  package var isBeforeOutput: Bool {
    if case .notStarted = self { true } else { false }
  }
}
