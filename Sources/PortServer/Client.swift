import HostSystem
import PortProtocol

/// A client that has connected and not sent a whole request yet.
final class Client {
  let connection: UnixConnection
  var reader: RequestReader
  /// When it has to be done.
  private let deadline: Deadline
  /// When what it has sent counts as a request, LF or not.
  private var quietDeadline: Deadline?

  init(
    _ connection: consuming UnixConnection, _ reader: RequestReader,
    deadline: Deadline
  ) {
    self.connection = connection
    self.reader = reader
    self.deadline = deadline
  }

  /// Some bytes have come.
  func heardFrom(pause: Duration) {
    if !reader.isEmpty { quietDeadline = Deadline(after: pause) }
  }

  /// When something has to be done about it.
  var due: Deadline { quietDeadline.map { min($0, deadline) } ?? deadline }
}
