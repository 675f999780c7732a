/// What the server hears from; it goes through the kernel as a token.
enum EventSource {
  case listener
  case signals
  /// The ends of processes.
  case processes
  /// The client on this descriptor.
  case client(Int32)

  private static let client: UInt64 = 1 << 32

  var token: UInt64 {
    switch self {
    case .listener: 0
    case .signals: 1
    case .processes: 2
    case .client(let number): Self.client | UInt64(number)
    }
  }

  init(token: UInt64) {
    self =
      switch token {
      case 0: .listener
      case 1: .signals
      case 2: .processes
      default: .client(Int32(truncatingIfNeeded: token))
      }
  }
}
