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

/// The home directory of a user in `/etc/passwd` (passwd(5)).
package func homeDirectory(of user: UInt32) -> String? {
  guard let text = try? readTextFile("/etc/passwd", limit: 1 << 22) else {
    return nil
  }
  return homeDirectory(of: user, in: text)
}

/// The first home directory of a user in the text of `/etc/passwd`.
func homeDirectory(of user: UInt32, in text: String) -> String? {
  for line in text.split(whereSeparator: \.isNewline) {
    let fields = line.split(separator: ":", omittingEmptySubsequences: false)
    if fields.count > 5, UInt32(fields[2]) == user, !fields[5].isEmpty {
      return String(fields[5])
    }
  }
  return nil
}

/// The name of this machine (gethostname(2)).
package func hostName() -> String? {
  var name = [CChar](repeating: 0, count: 256)
  guard gethostname(&name, name.count - 1) == 0 else { return nil }
  return String(
    decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
    as: UTF8.self)
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
