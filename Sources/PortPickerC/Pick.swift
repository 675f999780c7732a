// The names are those of the header.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CPortPicker
import PortPicker

/// `pp_pick` of the header.
@c @implementation
public func pp_pick(
  _ options: UnsafePointer<pp_options>?, _ port: UnsafeMutablePointer<CInt>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcome(message, messageSize) { () throws(PortPickerError) in
    let port = try required(port, "port")
    let options = try Options(options, [.picking, .pid], .picking)
    let picked: Int = try pickUnusedPort(
      for: options.pid, options: options.pick)
    port.pointee = CInt(picked)
  }
}

/// `pp_pick_several` of the header.
@c @implementation
public func pp_pick_several(
  _ options: UnsafePointer<pp_options>?, _ count: Int,
  _ ports: UnsafeMutablePointer<CInt>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcome(message, messageSize) { () throws(PortPickerError) in
    let ports = try required(ports, "ports")
    let count = try validCount(count)
    let options = try Options(
      options, [.picking, .pid], [.picking, .contiguous])
    let picked: [Int] = try pickUnusedPorts(
      count: count, contiguous: options.isContiguous, for: options.pid,
      options: options.pick)
    write(picked, to: ports)
  }
}

/// `pp_pick_from_server` of the header.
@c @implementation
public func pp_pick_from_server(
  _ address: UnsafePointer<CChar>?, _ options: UnsafePointer<pp_options>?,
  _ port: UnsafeMutablePointer<CInt>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcome(message, messageSize) { () throws(PortPickerError) in
    let port = try required(port, "port")
    let address = try requiredText(address, "address")
    let options = try Options(options, [.pid, .timeout])
    let picked: Int = try pickPort(
      fromServerAt: address, for: options.pid, timeout: options.timeout)
    port.pointee = CInt(picked)
  }
}

/// `pp_return` of the header.
@c @implementation
public func pp_return(
  _ port: CInt, _ options: UnsafePointer<pp_options>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcomeOfSearch(message, messageSize) { () throws(PortPickerError) in
    let options = try Options(options, .timeout)
    let port = try validPort(Int(port))
    let hadPort = try Picker.knowing(port)
      .returnPorts([port], timeout: options.timeout)
    return hadPort
      ? nil
      : "this process does not have port \(port): it did not pick the port, or "
        + "has returned it"
  }
}

/// `pp_reserve` of the header.
@c @implementation
public func pp_reserve(
  _ port: CInt, _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcome(message, messageSize) { () throws(PortPickerError) in
    try addReservedPort(Int(port))
  }
}
