/// A directory that ports can belong to.
package struct Place: Hashable, Sendable {
  /// The canonical path (realpath(3)).
  package let path: String

  /// Whether it is in a main checkout: the nearest `.git` upwards is a directory, or
  /// there is none.
  ///
  /// Preferred ports are for main checkouts only.
  package let isMainCheckout: Bool

  /// Finds a place.
  ///
  /// - Parameter directory: The place; `nil` for the nearest directory upwards from the
  ///   current one that contains `.ports`, else the nearest that contains `.git`, else
  ///   the current directory.
  /// - Throws: ``PortPickerError/Code/invalidArgument`` if it is not a directory, or its
  ///   path is not text of one line.
  package init(at directory: String?) throws(PortPickerError) {
    throw PortPickerError(.systemFailure, "places are not available")
  }
}
