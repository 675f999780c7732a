import CHostSystem
package import SystemPackage

/// The value of an environment variable.
///
/// - Returns: `nil` if it is not set or empty. An empty value means "none" in every
///   variable that this project reads.
package func environmentVariable(_ name: String) -> String? {
  guard let value = name.withCString(getenv), value.pointee != 0 else {
    return nil
  }
  return String(cString: value)
}

/// The value of an environment variable that must be UTF-8; see
/// ``environmentVariable(_:)``.
///
/// - Throws: `Errno.illegalByteSequence` if it is not UTF-8. If it were repaired, it
///   would name something else.
package func environmentText(_ name: String) throws(Errno) -> String? {
  guard let value = name.withCString(getenv), value.pointee != 0 else {
    return nil
  }
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

/// The variables of this process's environment, with changes.
///
/// - Parameter changes: Variables to set, or to leave out if the value is `nil`.
/// - Returns: The variables, as `NAME=VALUE`.
func environmentBlock(
  setting changes: [(name: String, value: String?)]
) -> [[UInt8]] {
  let changed = Set(changes.map { Array($0.name.utf8) })
  var block: [[UInt8]] = []
  var next = chs_environment()
  while let variable = next?.pointee {
    let bytes = UnsafeBufferPointer(start: variable, count: strlen(variable))
      .map { UInt8(truncatingIfNeeded: $0) }
    if !changed.contains(Array(bytes.prefix { $0 != UInt8(ascii: "=") })) {
      block.append(bytes)
    }
    next = next?.successor()
  }
  // Of several changes of one variable, the last counts.
  var values: [String: String] = [:]
  for (name, value) in changes { values[name] = value }
  return block + values.map { Array("\($0)=\($1)".utf8) }
}
