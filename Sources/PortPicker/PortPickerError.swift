public import SystemPackage

/// Why a port could not be picked or returned.
///
/// ``code`` tells programs what happened. ``description`` tells people, with the
/// values involved and what to do next.
public struct PortPickerError: Error, Hashable, Sendable {
  /// What happened.
  public let code: Code

  /// The error of the system call that failed, if there is one.
  public let underlyingError: Errno?

  private let message: String

  package init(_ code: Code, _ message: String, _ errno: Errno? = nil) {
    self.code = code
    self.message = message
    underlyingError = errno
  }
}

extension PortPickerError {
  /// A kind of failure.
  ///
  /// More kinds may be added.
  public struct Code: Hashable, Sendable {
    fileprivate enum Kind: String {
      case invalidArgument
      case noSuchProcess
      case processNotAllowed
      case poolExhausted
      case timedOut
      case ledgerUnusable
      case claimsUnusable
      case invalidServerAddress
      case serverUnreachable
      case serverTimedOut
      case serverRefused
      case serverReplyMalformed
      case systemFailure
    }

    fileprivate let kind: Kind

    private init(_ kind: Kind) {
      self.kind = kind
    }

    /// An argument or an environment variable has an invalid value: correct it.
    public static let invalidArgument = Code(.invalidArgument)

    /// The process that the port is for does not exist or has ended: name a running
    /// one.
    public static let noSuchProcess = Code(.noSuchProcess)

    /// Ports cannot be leased to that process, or returned for it: name your own
    /// process.
    ///
    /// It is the host's init or a kernel thread, which never end, or `/proc` hides it,
    /// or, for a port server, it is another user's.
    public static let processNotAllowed = Code(.processNotAllowed)

    /// The pool does not have enough ports left: end processes that hold ports,
    /// return ports, or use a larger pool.
    public static let poolExhausted = Code(.poolExhausted)

    /// ``PickOptions/timeout`` passed before enough free ports were found, because
    /// many are in use: allow more time, or use another pool.
    public static let timedOut = Code(.timedOut)

    /// The ledger, which records this user's leases, cannot be used: do what the
    /// description says, or name another file in `PORTPICKER_LEDGER`.
    public static let ledgerUnusable = Code(.ledgerUnusable)

    /// The claims file, which records this user's named ports, cannot be used: do what
    /// the description says, or name another file in `PORTPICKER_CLAIMS`.
    public static let claimsUnusable = Code(.claimsUnusable)

    /// The port server's address is invalid, or missing although one is required:
    /// correct it.
    public static let invalidServerAddress = Code(.invalidServerAddress)

    /// No server can be reached at the port server's address: start the server, or
    /// unset `PORTSERVER_ADDRESS`.
    public static let serverUnreachable = Code(.serverUnreachable)

    /// The port server did not answer within the time limit: check the server, or
    /// allow more time.
    public static let serverTimedOut = Code(.serverTimedOut)

    /// The port server refused: it has reached a limit, cannot see the process,
    /// knows only version 1 of the protocol, or gives another reason.
    public static let serverRefused = Code(.serverRefused)

    /// The reply does not follow the protocol: it is not a port server.
    public static let serverReplyMalformed = Code(.serverReplyMalformed)

    /// The system lacks a resource, such as descriptors, or `/proc` cannot be read:
    /// see ``PortPickerError/underlyingError``.
    public static let systemFailure = Code(.systemFailure)
  }
}

extension PortPickerError: CustomStringConvertible {
  /// What is wrong, and what to do about it, in one line.
  public var description: String { message }
}

extension PortPickerError.Code: CustomStringConvertible {
  /// The name of the code, such as `poolExhausted`; it never changes.
  public var description: String { kind.rawValue }
}
