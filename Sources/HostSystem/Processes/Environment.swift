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

/// The index of the first of this process's arguments that is not UTF-8.
///
/// Swift repairs such an argument, and it would then name something else.
///
/// - Parameter count: How many arguments to check, the command's name included;
///   `nil` for all.
/// - Returns: `nil` if all are UTF-8.
package func indexOfNonTextArgument(first count: Int? = nil) -> Int? {
  let all = Int(CommandLine.argc)
  return (0..<min(count ?? all, all)).first { index in
    guard let argument = CommandLine.unsafeArgv[index] else { return false }
    return String(validatingCString: argument) == nil
  }
}
