import CPortPicker
import HostSystem
import PortPicker

/// Runs the body of a function of the C library.
///
/// - Parameters:
///   - message: The caller's buffer for the message.
///   - size: Its size, as C's `size_t`, which Swift takes for signed.
///   - body: What the function does. It writes to its caller's memory last, so that an
///     error changes nothing.
/// - Returns: 0, or a negative value of `enum pp_error`.
func outcome(
  _ message: UnsafeMutablePointer<CChar>?, _ size: Int,
  _ body: () throws(PortPickerError) -> Void
) -> CInt {
  outcomeOfSearch(message, size) { () throws(PortPickerError) in
    try body()
    return nil
  }
}

/// Runs the body of a function that looks for something that may be missing.
///
/// - Parameters:
///   - message: The caller's buffer for the message.
///   - size: Its size, as C's `size_t`, which Swift takes for signed.
///   - body: What the function does. It returns what is missing, or `nil`.
/// - Returns: 0, or a negative value of `enum pp_error`.
func outcomeOfSearch(
  _ message: UnsafeMutablePointer<CChar>?, _ size: Int,
  _ body: () throws(PortPickerError) -> String?
) -> CInt {
  WarningDelivery.begin()
  let size = UInt(bitPattern: size)
  do throws(PortPickerError) {
    guard let missing = try body() else {
      write("", to: message, size)
      return 0
    }
    write(missing, to: message, size)
    return PP_ERROR_NOT_FOUND.rawValue
  } catch {
    write(error.description, to: message, size)
    return value(of: error.code)
  }
}

/// Writes as many whole characters of a message as fit, and a NUL.
private func write(
  _ text: String, to buffer: UnsafeMutablePointer<CChar>?, _ size: UInt
) {
  guard let buffer, size > 0 else { return }
  let bytes = printable(text).utf8
  var length = Int(min(UInt(bytes.count), size - 1))
  if length < bytes.count {
    // The first byte that does not fit must begin a character.
    while length > 0,
      bytes[bytes.index(bytes.startIndex, offsetBy: length)] & 0xC0 == 0x80
    {
      length -= 1
    }
  }
  for (offset, byte) in bytes.prefix(length).enumerated() {
    buffer[offset] = CChar(bitPattern: byte)
  }
  buffer[length] = 0
}

private func value(of code: PortPickerError.Code) -> CInt {
  let error =
    switch code {
    case .invalidArgument: PP_ERROR_INVALID_ARGUMENT
    case .noSuchProcess: PP_ERROR_NO_SUCH_PROCESS
    case .processNotAllowed: PP_ERROR_PROCESS_NOT_ALLOWED
    case .poolExhausted: PP_ERROR_POOL_EXHAUSTED
    case .timedOut: PP_ERROR_TIMED_OUT
    case .ledgerUnusable: PP_ERROR_LEDGER_UNUSABLE
    case .claimsUnusable: PP_ERROR_CLAIMS_UNUSABLE
    case .invalidServerAddress: PP_ERROR_INVALID_SERVER_ADDRESS
    case .serverUnreachable: PP_ERROR_SERVER_UNREACHABLE
    case .serverTimedOut: PP_ERROR_SERVER_TIMED_OUT
    case .serverRefused: PP_ERROR_SERVER_REFUSED
    case .serverReplyMalformed: PP_ERROR_SERVER_REPLY_MALFORMED
    default: PP_ERROR_SYSTEM_FAILURE
    }
  return error.rawValue
}
