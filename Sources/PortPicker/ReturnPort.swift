/// Gives a port back before its process has died, so that it can be given to
/// others again.
///
/// A port from the ledger goes back to it, and a port from a server to that. A
/// port of a server that knows only version 1 of the protocol, does not answer or
/// refuses, or one that ``addReservedPort(_:)`` added, is this process's own to be picked
/// again: it goes to the process's free ports, of which the next pick for this
/// process takes one, if it is still free by then. What such a server gave for
/// another process comes back when that ends.
///
/// - Parameter port: The port.
/// - Returns: Whether this process had picked or reserved the port, and not
///   returned it since. If it had not, nothing is done.
/// - Throws: ``PortPickerError``, where the ledger cannot be used:
///   ``PortPickerError/Code/ledgerUnusable``, or
///   ``PortPickerError/Code/systemFailure`` where `/proc` cannot be read; or
///   where the server does not take back what it gave for another process. The
///   port can be returned again then.
/// - SeeAlso: `return_port` of the original.
@discardableResult
public func returnPort(_ port: Int) throws(PortPickerError) -> Bool {
  guard let port = UInt16(exactly: port) else { return false }
  return try Picker.knowing(port).returnPorts([port])
}

/// Adds a port that this process got by other means to those that it picks
/// from for itself.
///
/// The port is probed before it is picked; if somebody uses it then, another
/// is picked, and this one has its turn later.
///
/// - Parameter port: The port, within 1–65535.
/// - Throws: ``PortPickerError/Code/invalidArgument`` for another number.
/// - SeeAlso: `add_reserved_port` of the original.
public func addReservedPort(_ port: Int) throws(PortPickerError) {
  Picker.ofThisThread().reserve(try validPort(port))
}

/// A port as the layers below have it.
func validPort(_ port: Int) throws(PortPickerError) -> UInt16 {
  guard let valid = UInt16(exactly: port), valid > 0 else {
    throw PortPickerError(
      .invalidArgument, "the port is \(port); one within 1-65535 is expected")
  }
  return valid
}
