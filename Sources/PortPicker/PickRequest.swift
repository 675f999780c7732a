import PortLeasing

/// A request to pick ports.
package struct PickRequest: Sendable {
  /// The process that the ports are for; `nil` for this process.
  package var pid: Int32?
  /// How many ports; all or none.
  package var count: Int
  /// Whether the ports must be consecutive.
  package var isContiguous: Bool
  package var options: PickOptions
  package var use: SocketUse

  package init(
    pid: Int32? = nil, count: Int = 1, isContiguous: Bool = false,
    options: PickOptions = PickOptions(), use: SocketUse = .none
  ) {
    self.pid = pid
    self.count = count
    self.isContiguous = isContiguous
    self.options = options
    self.use = use
  }
}

extension PickRequest {
  /// The pool of the options, if it is set.
  ///
  /// - Throws: `invalidArgument` if a value of the request is out of range.
  func validatedPool() throws(PortPickerError) -> PortPool? {
    guard count > 0 else {
      throw PortPickerError(
        .invalidArgument, "the count is \(count); expected 1 or more")
    }
    guard count <= Int(UInt16.max) else {
      throw PortPickerError(
        .invalidArgument,
        "the count is \(count); expected at most 65535")
    }
    try Self.validate(options.timeout)
    guard let ranges = options.pool else { return nil }
    let ports = 1...Int(UInt16.max)
    let bounds = try ranges.map { range throws(PortPickerError) in
      guard ports.contains(range.lowerBound), ports.contains(range.upperBound)
      else {
        throw PortPickerError(
          .invalidArgument,
          "the pool has the range \(range.lowerBound)-\(range.upperBound); "
            + "expected ports from 1 to 65535")
      }
      return UInt16(range.lowerBound)...UInt16(range.upperBound)
    }
    let pool = PortPool(bounds)
    guard !pool.isEmpty else {
      throw PortPickerError(
        .invalidArgument, "the pool is empty; expected one port or more")
    }
    return pool
  }

  /// - Throws: `invalidArgument` unless the timeout is more than zero.
  static func validate(_ timeout: Duration) throws(PortPickerError) {
    guard timeout > .zero else {
      throw PortPickerError(
        .invalidArgument,
        "the timeout is \(timeout); expected more than zero")
    }
  }
}
