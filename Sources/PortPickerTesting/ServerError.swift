import HostSystem
import ServerProcesses
public import SystemPackage

/// Why a server for a test did not become ready.
public struct ServerError: Error, Sendable {
  /// What happened.
  public let code: Code

  /// The server's command, with its ports.
  public let command: String

  /// The end of what the server has written, at most 1 to 2 MiB.
  public let output: String

  /// The error of the system call that failed, if there is one.
  public let underlyingError: Errno?

  private let message: String
}

extension ServerError {
  /// A kind of failure.
  ///
  /// More kinds may be added.
  public struct Code: Hashable, Sendable {
    fileprivate enum Kind: String {
      case invalidCommand
      case notStarted
      case exited
      case timedOut
      case systemFailure
    }

    fileprivate let kind: Kind

    /// The command names no port: write `{port}`, or another name in braces, where the
    /// server expects its port.
    public static var invalidCommand: Code { Code(kind: .invalidCommand) }

    /// The program does not exist, or cannot be executed.
    public static var notStarted: Code { Code(kind: .notStarted) }

    /// The server ended before it listened: see its output.
    public static var exited: Code { Code(kind: .exited) }

    /// The server did not listen on its ports in time: see its output, or allow more
    /// time with ``ServerOptions/startTimeout``.
    public static var timedOut: Code { Code(kind: .timedOut) }

    /// The system lacks a resource, such as processes or descriptors: see
    /// ``ServerError/underlyingError``.
    public static var systemFailure: Code { Code(kind: .systemFailure) }
  }
}

extension ServerError: CustomStringConvertible {
  /// What is wrong, and what to do about it, and the last 50 lines of the server's
  /// output.
  public var description: String { message }
}

extension ServerError.Code: CustomStringConvertible {
  /// The name of the code, such as `timedOut`; it never changes.
  public var description: String { kind.rawValue }
}

extension ServerError {
  /// The error of a server that has failed, and is gone.
  init(_ failure: ServerFailure, of server: ServerProcess) {
    let output = server.output
    switch failure {
    case .notStarted(let error):
      code = .notStarted
      underlyingError = error
    case .timedOut:
      code = .timedOut
      underlyingError = nil
    case .notVisible(let error):
      code = .systemFailure
      underlyingError = error
    case .ended, .lost, .cancelled:
      code = .exited
      underlyingError = nil
    }
    command = server.description.commandLine
    self.output = output.text
    message =
      "the server '\(command)' \(failure.text(server.description.ports))"
      + (failure.isBeforeOutput ? "" : output.quotation)
  }

  /// The error that a server cannot be started.
  init(_ error: Errno, startingServer arguments: [[UInt8]]) {
    code = .systemFailure
    command = commandLineText(arguments)
    output = ""
    underlyingError = error
    message =
      "cannot start the server '\(command)': \(error); end processes, or raise the "
      + "limits (ulimit -u, ulimit -n)"
  }

  /// The error that a command names no port.
  init(withoutPort words: [String]) {
    code = .invalidCommand
    command = words.joined(separator: " ")
    output = ""
    underlyingError = nil
    message =
      words.isEmpty
      ? "a server has no command"
      : "the server's command '\(command)' names no port; write {port} where the "
        + "server expects it"
  }
}
