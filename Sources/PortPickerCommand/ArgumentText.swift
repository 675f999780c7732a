import ArgumentParser
import HostSystem
import PortLeasing
import PortPicker
import PortProtocol

/// Reads the command's arguments.
///
/// What is not as it should be is said in words that follow the value: what is
/// expected.
enum ArgumentText {
  /// A pid, as Python's `int()` reads one, for that is how the original reads
  /// it.
  static func holder(_ text: String) throws(PortPickerError) -> Int32 {
    guard let number = decimalInteger(Array(text.utf8)),
      let pid = Int32(exactly: number), pid > 0
    else {
      throw PortPickerError(
        .invalidArgument,
        "PID is '\(text)'; the pid of a running process is expected, such as "
          + "$$ in a shell"
          + (text.contains { $0.isLetter }
            ? "; the commands are run, return, status, check, doctor" : ""))
    }
    return pid
  }

  /// A pid that an option names.
  static func pid(_ text: String) throws -> Int32 {
    guard let number = decimalInteger(Array(text.utf8)),
      let pid = Int32(exactly: number), pid > 0
    else {
      throw ValidationError("the pid of a process is expected")
    }
    return pid
  }

  /// For how long a port is kept bound; zero for not at all.
  static func bindTimeout(_ text: String) throws(PortPickerError) -> Duration {
    guard let duration = seconds(text) else {
      throw PortPickerError(
        .invalidArgument,
        "BIND_TIMEOUT is '\(text)'; a number of seconds, 0 or more, is "
          + "expected")
    }
    return duration
  }

  static func timeout(_ text: String) throws -> Duration {
    guard let duration = seconds(text), duration > .zero else {
      throw ValidationError("a number of seconds above 0 is expected")
    }
    return duration
  }

  static func count(_ text: String) throws -> Int {
    guard let count = decimalInteger(Array(text.utf8)), count > 0 else {
      throw ValidationError("a number of ports, 1 or more, is expected")
    }
    guard count <= Int(UInt16.max) else {
      throw ValidationError("there are no more than 65535 ports")
    }
    return count
  }

  static func port(_ text: String) throws -> UInt16 {
    guard let number = decimalInteger(Array(text.utf8)),
      let port = UInt16(exactly: number), port > 0
    else {
      throw ValidationError("a port within 1-65535 is expected")
    }
    return port
  }

  static func pool(_ text: String) throws -> [ClosedRange<Int>] {
    do {
      return try PortPool(parsing: text).ranges
        .map { Int($0.lowerBound)...Int($0.upperBound) }
    } catch {
      throw ValidationError(
        "\(error); ports and ranges within 1-65535 are expected, such as "
          + "8000-8999,9090")
    }
  }

  /// A number of seconds, 0 or more, that may have a fraction.
  ///
  /// More than thirty years are cut to that.
  private static func seconds(_ text: String) -> Duration? {
    let words = text.split(whereSeparator: \.isWhitespace)
    // `Double` would read hexadecimal numbers as well, and names.
    guard words.count == 1,
      words[0].allSatisfy({ $0.isASCII && $0.isNumber || "+-.eE".contains($0) }
      ),
      let seconds = Double(words[0]), seconds.isFinite, seconds >= 0
    else { return nil }
    return .seconds(min(seconds, 1e9))
  }
}

/// Requires that the first of this process's arguments are UTF-8.
///
/// - Parameter count: How many, the command's name included.
/// - Throws: That one is not: repaired, it would name something else.
func requireTextArguments(_ count: Int) throws(PortPickerError) {
  guard let index = indexOfNonTextArgument(first: count) else { return }
  throw PortPickerError(
    .invalidArgument, "argument \(index) is not UTF-8; correct it")
}
