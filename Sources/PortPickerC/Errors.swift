// The names are those of the header.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CPortPicker

/// `pp_strerror` of the header.
@c @implementation
public func pp_strerror(_ error: CInt) -> UnsafePointer<CChar>? {
  UnsafeRawPointer(text(of: error).utf8Start)
    .assumingMemoryBound(to: CChar.self)
}

private func text(of error: CInt) -> StaticString {
  switch pp_error(error) {
  case _ where error == 0: "no error"
  case PP_ERROR_INVALID_ARGUMENT: "an argument has an invalid value"
  case PP_ERROR_NO_SUCH_PROCESS: "the process does not exist"
  case PP_ERROR_PROCESS_NOT_ALLOWED: "the process may not hold ports"
  case PP_ERROR_POOL_EXHAUSTED: "the pool does not have enough ports left"
  case PP_ERROR_TIMED_OUT: "no free port was found in time"
  case PP_ERROR_LEDGER_UNUSABLE: "the ledger cannot be used"
  case PP_ERROR_CLAIMS_UNUSABLE: "the claims file cannot be used"
  case PP_ERROR_INVALID_SERVER_ADDRESS:
    "the address of the port server is invalid or missing"
  case PP_ERROR_SERVER_UNREACHABLE: "the port server cannot be reached"
  case PP_ERROR_SERVER_TIMED_OUT: "the port server did not answer in time"
  case PP_ERROR_SERVER_REFUSED: "the port server refused"
  case PP_ERROR_SERVER_REPLY_MALFORMED: "the server is not a port server"
  case PP_ERROR_SYSTEM_FAILURE: "the system lacks a resource"
  case PP_ERROR_NOT_FOUND:
    "this process does not have the port, or the place not the name"
  default: "unknown error"
  }
}
