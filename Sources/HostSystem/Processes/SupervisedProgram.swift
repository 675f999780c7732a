/// A program to run under a supervisor; see ``Supervision``.
package struct SupervisedProgram: Sendable {
  /// The program's name or path, followed by its arguments.
  ///
  /// A name without a slash is searched for in this process's `PATH` (execvp(3)).
  package var arguments: [[UInt8]]
  /// Variables to set, or to unset if the value is `nil`.
  package var environment: [(name: String, value: String?)] = []
  /// The current directory; `nil` for this process's.
  package var directory: String?
  /// How long the processes have to end, from `SIGTERM` to `SIGKILL`.
  package var grace: Duration
  /// Where the program runs.
  package var place: Place

  /// Where a program runs.
  package enum Place: Sendable {
    /// In a session without a terminal.
    ///
    /// The program reads from `/dev/null`, its output goes into a pipe, and it inherits
    /// no other descriptors.
    case background
    /// In this process's process group, with its streams and inheritable descriptors,
    /// and with the given signals blocked.
    case foreground(SignalMask)
  }

  package init(
    arguments: [[UInt8]], grace: Duration, place: Place = .background
  ) {
    self.arguments = arguments
    self.grace = grace
    self.place = place
  }
}
