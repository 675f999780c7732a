import PortLeasing

/// What is to be picked.
package struct PickRequest: Sendable {
  /// Who the ports are for; `nil` for this process.
  package var pid: Int32?
  /// How many; all or none.
  package var count: Int
  /// Whether in a row.
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
  /// The pool that was named, if one was.
  ///
  /// - Throws: `invalidArgument` where a value of the request makes no sense.
  func validatedPool() throws(PortPickerError) -> PortPool? {
    guard count > 0 else {
      throw PortPickerError(
        .invalidArgument, "the count is \(count); 1 or more is expected")
    }
    guard count <= Int(UInt16.max) else {
      throw PortPickerError(
        .invalidArgument,
        "the count is \(count); there are no more than 65535 ports")
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
            + "ports within 1-65535 are expected")
      }
      return UInt16(range.lowerBound)...UInt16(range.upperBound)
    }
    let pool = PortPool(bounds)
    guard !pool.isEmpty else {
      throw PortPickerError(
        .invalidArgument, "the pool is empty; name one port or more")
    }
    return pool
  }

  /// - Throws: `invalidArgument` where nothing could be done in such a time.
  static func validate(_ timeout: Duration) throws(PortPickerError) {
    guard timeout > .zero else {
      throw PortPickerError(
        .invalidArgument,
        "the timeout is \(timeout); more than zero is expected")
    }
  }
}
