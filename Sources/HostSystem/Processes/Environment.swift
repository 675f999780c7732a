package import SystemPackage

/// The value of an environment variable.
///
/// - Returns: `nil` if it is not set or empty. An empty value means "none" in every
///   variable that this project reads.
package func environmentVariable(_ name: String) -> String? {
  guard let value = getenv(name), value.pointee != 0 else { return nil }
  return String(cString: value)
}

/// The value of an environment variable that must be UTF-8; see
/// ``environmentVariable(_:)``.
///
/// - Throws: `Errno.illegalByteSequence` if it is not UTF-8. If it were repaired, it
///   would name something else.
package func environmentText(_ name: String) throws(Errno) -> String? {
  guard let value = getenv(name), value.pointee != 0 else { return nil }
  guard let text = String(validatingCString: value) else {
    throw .illegalByteSequence
  }
  return text
}

/// The index of the first of this process's arguments that is not UTF-8.
///
/// Swift repairs such an argument, which would then name something else.
///
/// - Parameter count: The number of arguments to check, including the command's name;
///   `nil` for all.
/// - Returns: `nil` if all are UTF-8.
package func indexOfNonUTF8Argument(first count: Int? = nil) -> Int? {
  let all = Int(CommandLine.argc)
  return (0..<min(count ?? all, all)).first { index in
    guard let argument = CommandLine.unsafeArgv[index] else { return false }
    return String(validatingCString: argument) == nil
  }
}

/// The last of the arguments that this process was started with, as bytes.
///
/// - Parameter count: The number of arguments.
/// - Returns: Their bytes; fewer arguments if there were fewer.
package func lastArguments(_ count: Int) -> [[UInt8]] {
  let all = CommandLine.unsafeArgv
  let total = Int(CommandLine.argc)
  return (max(total - count, 0)..<total).compactMap { index in
    all[index].map { argument in
      UnsafeBufferPointer(start: argument, count: strlen(argument))
        .map { UInt8(truncatingIfNeeded: $0) }
    }
  }
}
