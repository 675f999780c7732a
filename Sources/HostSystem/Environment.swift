import Glibc

/// The value of an environment variable; `nil` where it is not set or empty,
/// for an empty value means "none" in every variable that this project reads.
package func environmentVariable(_ name: String) -> String? {
  guard let value = getenv(name), value.pointee != 0 else { return nil }
  return String(cString: value)
}
