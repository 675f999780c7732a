import ArgumentParser
import HostSystem
import PortLeasing
import PortPicker
import PortProtocol

/// Parses the command's arguments.
///
/// A `ValidationError` says only what is expected; ArgumentParser puts the option
/// and its value in front of it.
enum ArgumentText {
  /// The pid of a holder, parsed as Python's `int()` does it, like the original.
  static func holder(_ text: String) throws(PortPickerError) -> Int32 {
    guard let number = decimalInteger(text),
      let pid = Int32(exactly: number), pid > 0
    else {
      throw PortPickerError(
        .invalidArgument,
        "PID is '\(text)'; expected the pid of a running process, such as $$ "
          + "in a shell"
          + (text.contains { $0.isLetter }
            ? ", or one of the commands "
              + Portpicker.subcommandNames.joined(separator: ", ") : ""))
    }
    return pid
  }

  /// A pid as the value of an option.
  static func pid(_ text: String) throws -> Int32 {
    guard let number = decimalInteger(text),
      let pid = Int32(exactly: number), pid > 0
    else {
      throw ValidationError("expected the pid of a process")
    }
    return pid
  }

  /// How long a port is kept bound; zero for not at all.
  static func bindTimeout(_ text: String) throws(PortPickerError) -> Duration {
    guard let duration = seconds(text) else {
      throw PortPickerError(
        .invalidArgument,
        "BIND_TIMEOUT is '\(text)'; expected a number of seconds, 0 or more")
    }
    return duration
  }

  static func timeout(_ text: String) throws -> Duration {
    guard let duration = seconds(text), duration > .zero else {
      throw ValidationError("expected a number of seconds above 0")
    }
    return duration
  }

  static func count(_ text: String) throws -> Int {
    guard let count = decimalInteger(text), count > 0 else {
      throw ValidationError("expected a number of ports, 1 or more")
    }
    guard count <= Int(UInt16.max) else {
      throw ValidationError("expected at most 65535 ports")
    }
    return count
  }

  static func port(_ text: String) throws -> UInt16 {
    guard let number = decimalInteger(text),
      let port = UInt16(exactly: number), port > 0
    else {
      throw ValidationError("expected a port from 1 to 65535")
    }
    return port
  }

  static func pool(_ text: String) throws -> [ClosedRange<Int>] {
    do {
      return try PortPool(parsing: text).ranges
        .map { Int($0.lowerBound)...Int($0.upperBound) }
    } catch {
      throw ValidationError(
        "\(error); expected ports and ranges from 1 to 65535, such as "
          + "8000-8999,9090")
    }
  }

  /// A number of seconds, 0 or more, with an optional fraction; at most 1e9,
  /// some thirty years.
  private static func seconds(_ text: String) -> Duration? {
    let words = text.split(whereSeparator: \.isWhitespace)
    // `Double` would also accept hexadecimal numbers, and "inf".
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
/// - Parameter count: How many, including the command's name.
/// - Throws: `invalidArgument` if one is not. Repaired, it would name something
///   else.
func requireTextArguments(_ count: Int) throws(PortPickerError) {
  guard let index = indexOfNonUTF8Argument(first: count) else { return }
  throw PortPickerError(
    .invalidArgument, "argument \(index) is not valid UTF-8")
}
