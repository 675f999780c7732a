extension StringProtocol {
  /// Where `text` first occurs.
  ///
  /// The standard library's `firstRange(of:)` does the same, but adds a megabyte of
  /// regular expressions to a static program.
  package func range(ofFirst text: some StringProtocol) -> Range<Index>? {
    guard let start = indices.first(where: { self[$0...].hasPrefix(text) })
    else { return nil }
    return start..<index(start, offsetBy: text.count)
  }
}
