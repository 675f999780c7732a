import PortServerClient

/// Which leases a search finds.
struct LeaseSearch {
  /// The words, in lower case; all of them must match.
  private let words: [String]
  private let names: UserNames
  /// Whether names of processes are searched.
  private let searchesNames: Bool

  init(_ text: String, names: UserNames, searchesNames: Bool) {
    words = text.lowercased().split(whereSeparator: \.isWhitespace)
      .map(String.init)
    self.names = names
    self.searchesNames = searchesNames
  }

  var isEmpty: Bool { words.isEmpty }

  /// Whether a lease matches: each word is its port, the beginning of it, its pid, its
  /// user, or a part of its process's name.
  func matches(_ lease: ServedLease) -> Bool {
    words.allSatisfy { word in
      "\(lease.port)".hasPrefix(word) || "\(lease.pid)" == word
        || "\(lease.user)" == word
        || names[lease.user]?.lowercased() == word
        || searchesNames && lease.name?.lowercased().contains(word) == true
    }
  }
}
