/// What the server hears from; it goes through the kernel as a token.
enum EventSource {
  case listener
  case signals
  /// The end of the process with this pid.
  case holder(Int32)
  /// The client on this descriptor.
  case client(Int32)

  private static let holderKind: UInt64 = 1
  private static let clientKind: UInt64 = 2

  var token: UInt64 {
    switch self {
    case .listener: 0
    case .signals: 1
    case .holder(let pid):
      Self.holderKind << 32 | UInt64(UInt32(bitPattern: pid))
    case .client(let number):
      Self.clientKind << 32 | UInt64(UInt32(bitPattern: number))
    }
  }

  init(token: UInt64) {
    let number = Int32(truncatingIfNeeded: token)
    self =
      switch token >> 32 {
      case Self.holderKind: .holder(number)
      case Self.clientKind: .client(number)
      default: number == 0 ? .listener : .signals
      }
  }
}
