import HostSystem
import SystemPackage

/// The clients that the server waits for, and which of them makes room for
/// another.
struct ConnectedClients {
  private var byNumber: [Int32: Client] = [:]
  /// Unordered; each client knows its index.
  private var byUser: [UInt32: [Client]] = [:]

  var count: Int { byNumber.count }

  var isEmpty: Bool { byNumber.isEmpty }

  /// All clients, in no order.
  var all: some Sequence<Client> { byNumber.values }

  /// The client on a descriptor.
  subscript(number: Int32) -> Client? { byNumber[number] }

  /// How many are a user's.
  func count(of user: UInt32) -> Int { byUser[user]?.count ?? 0 }

  mutating func add(_ client: Client) {
    byNumber[client.connection.raw.rawValue] = client
    client.index = count(of: client.user)
    byUser[client.user, default: []].append(client)
  }

  mutating func remove(_ client: Client) {
    let number = client.connection.raw.rawValue
    guard byNumber[number] === client, let index = client.index,
      let user = byUser.index(forKey: client.user)
    else { return }
    byNumber[number] = nil
    client.index = nil
    // The last one takes the freed index.
    if let last = byUser.values[user].popLast(), last !== client {
      byUser.values[user][index] = last
      last.index = index
    }
    if byUser.values[user].isEmpty { byUser.remove(at: user) }
  }

  /// The client that has been idle for longest.
  var longestIdle: Client? {
    byNumber.values.lazy.filter(\.isIdle).min { $0.deadline < $1.deadline }
  }

  /// The client of a user to close when the user has too many: the one that has been
  /// idle for longest, or else the one that has been waited for longest.
  func clientToClose(of user: UInt32) -> Client? {
    byUser[user]?.min {
      $0.isIdle == $1.isIdle ? $0.deadline < $1.deadline : $0.isIdle
    }
  }
}
