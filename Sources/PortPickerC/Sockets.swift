// The names are those of the header.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CPortPicker
import HostSystem
import PortPicker
import SystemPackage

/// `pp_bind` of the header.
@c @implementation
public func pp_bind(
  _ options: UnsafePointer<pp_options>?, _ port: UnsafeMutablePointer<CInt>?,
  _ tcp: UnsafeMutablePointer<CInt>?, _ udp: UnsafeMutablePointer<CInt>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcome(message, messageSize) { () throws(PortPickerError) in
    let port = try required(port, "port")
    let tcp = try required(tcp, "tcp")
    let options = try Options(options, .picking, [.picking, .loopback])
    let bound = try BoundPort(at: options.address, options: options.pick)
    if let udp {
      let released = bound.release()
      port.pointee = CInt(released.port)
      tcp.pointee = released.tcp.rawValue
      udp.pointee = released.udp.rawValue
    } else {
      let released = bound.releaseTCP()
      port.pointee = CInt(released.port)
      tcp.pointee = released.tcp.rawValue
    }
  }
}

/// `pp_hold` of the header.
@c @implementation
public func pp_hold(
  _ options: UnsafePointer<pp_options>?, _ port: UnsafeMutablePointer<CInt>?,
  _ hold: UnsafeMutablePointer<CInt>?,
  _ message: UnsafeMutablePointer<CChar>?, _ messageSize: Int
) -> CInt {
  outcome(message, messageSize) { () throws(PortPickerError) in
    let port = try required(port, "port")
    let hold = try required(hold, "hold")
    let options = try Options(options, .picking, .picking)
    let released = try HeldPort(options: options.pick).releaseSocket()
    port.pointee = CInt(released.port)
    hold.pointee = released.socket.rawValue
  }
}
