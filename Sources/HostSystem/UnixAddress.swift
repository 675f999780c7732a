import Glibc

/// The address of a unix socket (unix(7)): a path, or, where the text begins
/// with `@`, a name in the abstract namespace.
package struct UnixAddress: Hashable, Sendable {
  /// The text that the address was made from.
  package let text: String

  /// How many bytes a path or a name may have: what `sun_path` holds, less
  /// the zero byte that ends a path or begins an abstract name.
  package static let maximumLength = 107

  /// Reads an address.
  ///
  /// - Returns: `nil` where the text is empty, too long, or holds a zero byte:
  ///   an address is never cut.
  package init?(_ text: String) {
    let name =
      text.utf8.first == UInt8(ascii: "@") ? text.dropFirst() : text[...]
    guard
      !name.isEmpty, name.utf8.count <= Self.maximumLength,
      !text.utf8.contains(0)
    else { return nil }
    self.text = text
  }

  /// Calls `body` with the address as the kernel takes it.
  ///
  /// The length is exact, for in the abstract namespace every byte counts.
  func withSocketAddress<Result>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var path = Array(text.utf8)
    if path.first == UInt8(ascii: "@") {
      path[0] = 0
    } else {
      path.append(0)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    // The path is all that follows the family.
    let length = MemoryLayout<sa_family_t>.size + path.count
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(length))
      }
    }
  }
}
