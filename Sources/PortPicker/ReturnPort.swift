/// Returns a port before its process ends, so that another process can be given it.
///
/// A port returns to the ledger or the server that it came from. If that server
/// knows only version 1 of the protocol, does not answer, or refuses, the port stays
/// leased to this process, and a later pick of this process uses it again if it is
/// still unused. So does a port that ``addReservedPort(_:)`` added. If the port is
/// for another process and its server knows only version 1, the lease ends with that
/// process.
///
/// - Parameter port: The port.
/// - Returns: Whether this process has the port: it picked the port and has not
///   returned it since. If not, nothing is done.
/// - Throws: ``PortPickerError``: ``PortPickerError/Code/ledgerUnusable``;
///   ``PortPickerError/Code/systemFailure`` if `/proc` cannot be read; an error of
///   the server if it does not take a port of another process. The port can then
///   be returned again.
/// - SeeAlso: `return_port` of the original.
@discardableResult
public func returnPort(_ port: Int) throws(PortPickerError) -> Bool {
  guard let port = UInt16(exactly: port) else { return false }
  return try Picker.knowing(port).returnPorts([port])
}

/// Adds a port that this process got by other means to the ports that it picks for
/// itself.
///
/// The port is probed before it is picked. If it is in use at that time, another
/// port is picked, and this one stays available for later picks.
///
/// - Parameter port: The port, within 1–65535.
/// - Throws: ``PortPickerError/Code/invalidArgument`` for any other number.
/// - SeeAlso: `add_reserved_port` of the original.
public func addReservedPort(_ port: Int) throws(PortPickerError) {
  Picker.ofThisThread().reserve(try validPort(port))
}

/// Checks that a number is a port.
package func validPort(_ port: Int) throws(PortPickerError) -> UInt16 {
  guard let valid = UInt16(exactly: port), valid > 0 else {
    throw PortPickerError(
      .invalidArgument, "the port is \(port); expected a port from 1 to 65535")
  }
  return valid
}
