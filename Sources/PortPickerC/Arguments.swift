import PortPicker

/// A pointer that must not be null.
///
/// - Parameters:
///   - pointer: The argument.
///   - name: Its name in the header.
/// - Returns: The argument.
/// - Throws: `invalidArgument` if it is null.
func required<Pointer>(
  _ pointer: Pointer?, _ name: String
) throws(PortPickerError) -> Pointer {
  guard let pointer else {
    throw PortPickerError(
      .invalidArgument, "'\(name)' is NULL; expected a pointer")
  }
  return pointer
}

/// A string that must not be null.
///
/// - Parameters:
///   - text: The argument.
///   - name: Its name in the header.
/// - Returns: A copy.
/// - Throws: `invalidArgument` if it is null, or not UTF-8.
func requiredText(
  _ text: UnsafePointer<CChar>?, _ name: String
) throws(PortPickerError) -> String {
  guard let copy = String(validatingCString: try required(text, name)) else {
    throw PortPickerError(
      .invalidArgument, "'\(name)' is not valid UTF-8; correct it")
  }
  return copy
}

/// A number of ports.
///
/// - Parameter count: The argument, as C's `size_t`, which Swift takes for signed.
/// - Returns: The argument.
/// - Throws: `invalidArgument` if it is not within 1–65535.
func validCount(_ count: Int) throws(PortPickerError) -> Int {
  guard 1...Int(UInt16.max) ~= count else {
    throw PortPickerError(
      .invalidArgument,
      "the count is \(UInt(bitPattern: count)); expected a number from 1 to "
        + "65535")
  }
  return count
}

/// Writes ports to an array of the caller.
func write(_ ports: [Int], to array: UnsafeMutablePointer<CInt>) {
  for (index, port) in ports.enumerated() { array[index] = CInt(port) }
}
