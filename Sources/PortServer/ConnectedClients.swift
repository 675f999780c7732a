import HostSystem
import SystemPackage

/// The clients that are waited for, and which of them makes room for another.
struct ConnectedClients {
  private var byNumber: [Int32: Client] = [:]
  private var numbersByUser: [UInt32: Set<Int32>] = [:]

  var count: Int { byNumber.count }

  var isEmpty: Bool { byNumber.isEmpty }

  /// All of them, in no order.
  var all: some Sequence<Client> { byNumber.values }

  /// The client on a descriptor.
  subscript(number: Int32) -> Client? { byNumber[number] }

  /// How many are a user's.
  func count(of user: UInt32) -> Int { numbersByUser[user]?.count ?? 0 }

  mutating func add(_ client: Client) {
    let number = client.connection.raw.rawValue
    byNumber[number] = client
    numbersByUser[client.user, default: []].insert(number)
  }

  mutating func remove(_ client: Client) {
    let number = client.connection.raw.rawValue
    guard byNumber[number] === client else { return }
    byNumber[number] = nil
    let index = numbersByUser.index(forKey: client.user)
    guard let index else { return }
    numbersByUser.values[index].remove(number)
    if numbersByUser.values[index].isEmpty { numbersByUser.remove(at: index) }
  }

  /// The client that has asked for nothing for longest.
  var longestIdle: Client? {
    byNumber.values.lazy.filter(\.isIdle).min { $0.deadline < $1.deadline }
  }

  /// The client of a user's that makes room for another of the same user's: the
  /// one that has asked for nothing for longest, or else has been waited for
  /// longest.
  func first(of user: UInt32) -> Client? {
    numbersByUser[user]?.lazy.compactMap { byNumber[$0] }.min {
      $0.isIdle == $1.isIdle ? $0.deadline < $1.deadline : $0.isIdle
    }
  }
}
