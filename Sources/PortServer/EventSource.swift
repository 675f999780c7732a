/// What the server hears from; it goes through the kernel as a token.
enum EventSource {
  /// The listener at this place among the server's.
  case listener(Int)
  case signals
  /// The ends of processes.
  case processes
  /// The client on this descriptor.
  case client(Int32)

  private static let client: UInt64 = 1 << 32
  private static let listener: UInt64 = 2 << 32

  var token: UInt64 {
    switch self {
    case .signals: 0
    case .processes: 1
    case .listener(let index): Self.listener | UInt64(index)
    case .client(let number): Self.client | UInt64(number)
    }
  }

  init(token: UInt64) {
    self =
      switch token {
      case 0: .signals
      case 1: .processes
      case Self.listener...: .listener(Int(token & ~Self.listener))
      default: .client(Int32(truncatingIfNeeded: token))
      }
  }
}
