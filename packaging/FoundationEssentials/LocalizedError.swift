/// An error that describes itself.
public protocol LocalizedError: Error {
  /// What happened, in words for users.
  var errorDescription: String? { get }
}

extension LocalizedError {
  /// No description.
  public var errorDescription: String? { nil }
}
