// The names are those of the header.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CPortPicker
import PortPicker

/// `pp_named_port` of the header.
@c @implementation
public func pp_named_port(
  _ name: UnsafePointer<CChar>?, _ options: UnsafePointer<pp_options>?,
  _ port: UnsafeMutablePointer<CInt>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcome(message, messageSize) { () throws(PortPickerError) in
    let port = try required(port, "port")
    let name = try requiredText(name, "name")
    let options = try Options(options, .claiming)
    let found: Int = try namedPort(
      name, at: options.place, options: options.names)
    port.pointee = CInt(found)
  }
}

/// `pp_named_block` of the header.
@c @implementation
public func pp_named_block(
  _ name: UnsafePointer<CChar>?, _ options: UnsafePointer<pp_options>?,
  _ count: Int, _ ports: UnsafeMutablePointer<CInt>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcome(message, messageSize) { () throws(PortPickerError) in
    let ports = try required(ports, "ports")
    let name = try requiredText(name, "name")
    let count = try validCount(count)
    let options = try Options(options, .claiming)
    let found: [Int] = try namedPorts(
      name, count: count, at: options.place, options: options.names)
    write(found, to: ports)
  }
}

/// `pp_named_variables` of the header.
@c @implementation
public func pp_named_variables(
  _ options: UnsafePointer<pp_options>?, _ function: pp_variable_function?,
  _ context: UnsafeMutableRawPointer?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcomeOfSearch(message, messageSize) { () throws(PortPickerError) in
    let function = try required(function, "function")
    let options = try Options(options, .claiming)
    let place = try Place(at: options.place)
    guard let manifest = try Manifest.read(at: place.path) else {
      return "the place '\(place.path)' has no manifest; write a name on each "
        + "line of '\(place.manifestPath)'"
    }
    let ports: [NamedPort] = try namedPorts(
      of: manifest, at: place.path, options: options.names)
    for variable in try NamedPortVariables(ports, manifest: manifest).variables
    {
      variable.name.withCString {
        function($0, CInt(variable.value), context)
      }
    }
    return nil
  }
}

/// `pp_forget` of the header.
@c @implementation
public func pp_forget(
  _ name: UnsafePointer<CChar>?, _ options: UnsafePointer<pp_options>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcomeOfSearch(message, messageSize) { () throws(PortPickerError) in
    let name = try requiredText(name, "name")
    let options = try Options(options, .place)
    let hadName: Bool = try forgetNamedPort(name, at: options.place)
    return hadName
      ? nil : "the place does not have the name '\(name)'; nothing is forgotten"
  }
}
