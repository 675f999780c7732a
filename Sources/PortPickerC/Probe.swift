// The names are those of the header.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CPortPicker
import PortPicker

/// `pp_is_free` of the header.
@c @implementation
public func pp_is_free(
  _ port: CInt, _ isFree: UnsafeMutablePointer<Bool>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcome(message, messageSize) { () throws(PortPickerError) in
    let result = try required(isFree, "is_free")
    result.pointee = try isPortFree(Int(port))
  }
}

/// `pp_probe` of the header.
@c @implementation
public func pp_probe(
  _ port: CInt, _ transport: CInt, _ bound: UnsafeMutablePointer<CInt>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcome(message, messageSize) { () throws(PortPickerError) in
    let bound = try required(bound, "bound")
    let transport = try Transport(transport)
    bound.pointee = CInt(try probePort(Int(port), over: transport) ?? 0)
  }
}

extension Transport {
  fileprivate init(_ value: CInt) throws(PortPickerError) {
    switch UInt32(bitPattern: value) {
    case PP_TCP.rawValue: self = .tcp
    case PP_UDP.rawValue: self = .udp
    default:
      throw PortPickerError(
        .invalidArgument,
        "the transport is \(value); expected PP_TCP or PP_UDP")
    }
  }
}
