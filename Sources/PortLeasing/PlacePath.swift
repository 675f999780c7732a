/// The path of a place, compared byte by byte.
///
/// Two strings are equal if they look the same, but the directories that they name can
/// be different ones.
package struct PlacePath: Hashable, Sendable {
  package let text: String

  package init(_ text: String) {
    self.text = text
  }

  package static func == (one: PlacePath, other: PlacePath) -> Bool {
    one.text.utf8.elementsEqual(other.text.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

extension PlacePath: Comparable {
  package static func < (one: PlacePath, other: PlacePath) -> Bool {
    one.text.utf8.lexicographicallyPrecedes(other.text.utf8)
  }
}
