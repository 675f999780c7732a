package import SystemPackage

/// The value of an environment variable; `nil` where it is not set or empty,
/// for an empty value means "none" in every variable that this project reads.
package func environmentVariable(_ name: String) -> String? {
  guard let value = getenv(name), value.pointee != 0 else { return nil }
  return String(cString: value)
}

/// The value of an environment variable that has to be text, as
/// ``environmentVariable(_:)`` has it.
///
/// - Throws: `Errno.illegalByteSequence` where it is not UTF-8: repaired, it would
///   name something else.
package func environmentText(_ name: String) throws(Errno) -> String? {
  guard let value = getenv(name), value.pointee != 0 else { return nil }
  guard let text = String(validatingCString: value) else {
    throw .illegalByteSequence
  }
  return text
}
