public import SystemPackage

/// Why a port could not be had, or given back.
///
/// ``code`` says what happened, for programs; ``description`` says it to
/// people, with the values involved and what to do next; ``underlyingError`` is
/// the system's error behind it, where there is one.
public struct PortPickerError: Error, Hashable, Sendable {
  /// What happened.
  public let code: Code

  /// The error of the system call that failed, if one did.
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

    /// An argument, or an environment variable, has a value that makes no
    /// sense: correct it.
    public static let invalidArgument = Code(.invalidArgument)

    /// The process that the port was to be for does not exist, or has ended:
    /// name one that runs.
    public static let noSuchProcess = Code(.noSuchProcess)

    /// No port is leased to that process, or given back for it: to the host's
    /// init, which never ends, to one that `/proc` hides, or, by a port server,
    /// to another user's.
    ///
    /// Name your own process.
    public static let processNotAllowed = Code(.processNotAllowed)

    /// The pool has not enough ports left: end processes that hold some, give
    /// ports back, or use a larger pool.
    public static let poolExhausted = Code(.poolExhausted)

    /// ``PickOptions/timeout`` was over before enough free ports were found, for
    /// many are in use: allow more time, or use another pool.
    public static let timedOut = Code(.timedOut)

    /// The ledger, in which the ports of this user are written down, cannot be
    /// used: do what the description says, or name another file in
    /// `PORTPICKER_LEDGER`.
    public static let ledgerUnusable = Code(.ledgerUnusable)

    /// The port server's address is empty where one is needed, too long, or no
    /// address: correct it.
    public static let invalidServerAddress = Code(.invalidServerAddress)

    /// Nobody answers at the port server's address: start the server, or unset
    /// `PORTSERVER_ADDRESS`.
    public static let serverUnreachable = Code(.serverUnreachable)

    /// The port server did not answer within the time limit: look after the
    /// server, or allow it more time.
    public static let serverTimedOut = Code(.serverTimedOut)

    /// The port server has no port for this process: its pool may be
    /// exhausted, or it cannot see the process.
    public static let serverRefused = Code(.serverRefused)

    /// What the server answered is no port: it is no port server.
    public static let serverReplyMalformed = Code(.serverReplyMalformed)

    /// The system is short of something, such as descriptors: see
    /// ``PortPickerError/underlyingError``.
    public static let systemFailure = Code(.systemFailure)
  }
}

extension PortPickerError: CustomStringConvertible {
  /// What is wrong and what to do about it, in one line.
  public var description: String { message }
}

extension PortPickerError.Code: CustomStringConvertible {
  /// The name of the code, such as `poolExhausted`; it never changes.
  public var description: String { kind.rawValue }
}
