import HostSystem
import SystemPackage

/// The clients that are waited for, and which of them makes room for another.
struct ConnectedClients {
  private var byNumber: [Int32: Client] = [:]
  /// In no order; each client knows its place.
  private var byUser: [UInt32: [Client]] = [:]

  var count: Int { byNumber.count }

  var isEmpty: Bool { byNumber.isEmpty }

  /// All of them, in no order.
  var all: some Sequence<Client> { byNumber.values }

  /// The client on a descriptor.
  subscript(number: Int32) -> Client? { byNumber[number] }

  /// How many are a user's.
  func count(of user: UInt32) -> Int { byUser[user]?.count ?? 0 }

  mutating func add(_ client: Client) {
    byNumber[client.connection.raw.rawValue] = client
    client.place = count(of: client.user)
    byUser[client.user, default: []].append(client)
  }

  mutating func remove(_ client: Client) {
    let number = client.connection.raw.rawValue
    guard byNumber[number] === client,
      let user = byUser.index(forKey: client.user)
    else { return }
    byNumber[number] = nil
    // The last one takes its place.
    if let last = byUser.values[user].popLast(), last !== client {
      byUser.values[user][client.place] = last
      last.place = client.place
    }
    if byUser.values[user].isEmpty { byUser.remove(at: user) }
  }

  /// The client that has asked for nothing for longest.
  var longestIdle: Client? {
    byNumber.values.lazy.filter(\.isIdle).min { $0.deadline < $1.deadline }
  }

  /// The client of a user's that makes room for another of the same user's: the
  /// one that has asked for nothing for longest, or else has been waited for
  /// longest.
  func first(of user: UInt32) -> Client? {
    byUser[user]?.min {
      $0.isIdle == $1.isIdle ? $0.deadline < $1.deadline : $0.isIdle
    }
  }
}
