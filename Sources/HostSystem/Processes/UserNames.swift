/// The name of a user in `/etc/passwd` (passwd(5)).
///
/// Names from other sources, such as LDAP, are not found. Looking them up takes
/// libraries that a static program cannot load.
package func userName(of user: UInt32) -> String? {
  guard let text = try? readTextFile("/etc/passwd", limit: 1 << 22) else {
    return nil
  }
  return userName(of: user, in: text)
}

/// The first name of a user in the text of `/etc/passwd`.
func userName(of user: UInt32, in text: String) -> String? {
  for line in text.split(whereSeparator: \.isNewline) {
    let fields = line.split(
      separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
    if fields.count > 2, !fields[0].isEmpty, UInt32(fields[2]) == user {
      return String(fields[0])
    }
  }
  return nil
}
