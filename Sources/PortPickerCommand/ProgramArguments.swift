import ArgumentParser
import HostSystem
import PortPicker
import SystemPackage

/// The program that a command runs, and its arguments: the words after the options, which
/// may be any bytes.
///
/// - Parameters:
///   - parsed: The command.
///   - command: The words that the parser has not taken for options.
///   - usage: How to call the command, for the error that no program is named.
/// - Returns: The words, without a `--` in front of them.
/// - Throws: `invalidArgument` if no program is named; the help or the version if the
///   first word asks for it.
func programArguments(
  of parsed: some ParsableCommand, _ command: [String], usage: String
) throws -> [[UInt8]] {
  // The parser takes an unknown option in front of the program for the program.
  if let word = command.first, word.hasPrefix("-"), word != "--" {
    if word == "--help" || word == "-h" {
      throw CleanExit.helpRequest(parsed)
    }
    if word == "--version" {
      throw CleanExit.message(Portpicker.configuration.version)
    }
    throw PortPickerError(
      .invalidArgument,
      "unknown option '\(word)'; see portpicker \(type(of: parsed)._commandName) "
        + "--help, or put -- in front of a program with that name")
  }
  let words = command.first == "--" ? command.count - 1 : command.count
  guard words > 0 else {
    throw PortPickerError(
      .invalidArgument, "no program is named; expected \(usage)")
  }
  try requireTextArguments(CommandLine.arguments.count - words)
  return lastArguments(words)
}

/// Reports that a program cannot be run, and exits with 127 if it does not exist, and
/// with 126 otherwise, as shells do.
func failToRun(_ program: [UInt8], _ error: Errno) -> Never {
  exitProcess(with: reportThatCannotRun(program, error))
}

/// Reports that a program cannot be run.
///
/// - Returns: The exit status: 127 if the program does not exist, and 126 otherwise.
func reportThatCannotRun(_ program: [UInt8], _ error: Errno) -> Int32 {
  let text = String(decoding: program, as: UTF8.self)
  if error == .noSuchFileOrDirectory {
    printError(
      "'\(text)': the program, or the interpreter that it names, does not exist",
      as: "portpicker")
    return 127
  }
  printError("cannot run '\(text)': \(error)", as: "portpicker")
  return 126
}
