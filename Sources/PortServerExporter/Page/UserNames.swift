import HostSystem

/// The names of users, as far as they are known to this host.
struct UserNames: Sendable {
  private let names: [UInt32: String]

  /// Looks up the names of some users.
  init(of users: Set<UInt32>) {
    names = users.reduce(into: [:]) { $0[$1] = userName(of: $1) }
  }

  subscript(user: UInt32) -> String? { names[user] }

  /// The name of a user, or else the number.
  func text(of user: UInt32) -> String { names[user] ?? "\(user)" }
}
