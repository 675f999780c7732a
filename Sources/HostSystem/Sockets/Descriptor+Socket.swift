import SystemPackage

extension Descriptor {
  /// Creates a close-on-exec socket (socket(2)).
  init(
    socket family: Int32, _ type: __socket_type, protocol: Int32 = 0,
    nonblocking: Bool = false
  ) throws(Errno) {
    let flags =
      SOCK_CLOEXEC.rawValue | (nonblocking ? SOCK_NONBLOCK.rawValue : 0)
    try self.init {
      Glibc.socket(family, Int32(type.rawValue | flags), `protocol`)
    }
  }

  /// The value of an integer option (getsockopt(2)).
  func option(_ level: Int32, _ name: Int32) throws(Errno) -> Int32 {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    try systemCall { getsockopt(raw.rawValue, level, name, &value, &size) }
    return value
  }

  /// Sets a socket option (setsockopt(2)).
  func setOption(
    _ level: Int32, _ name: Int32, to value: Int32
  ) throws(Errno) {
    var value = value
    _ = try systemCall {
      setsockopt(
        raw.rawValue, level, name, &value,
        socklen_t(MemoryLayout<Int32>.size))
    }
  }

  /// Binds a socket to an address: a `sockaddr_in` or `sockaddr_in6` (bind(2)).
  func bind(_ address: UnsafeRawPointer, _ size: Int) throws(Errno) {
    _ = try systemCall {
      Glibc.bind(
        raw.rawValue, address.assumingMemoryBound(to: sockaddr.self),
        socklen_t(size))
    }
  }
}
