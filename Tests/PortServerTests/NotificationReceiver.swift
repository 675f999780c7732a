import Glibc
import SystemPackage
import TestSupport

/// A service manager that receives notifications.
final class NotificationReceiver {
  private let descriptor: Int32

  init(_ name: String) throws(Errno) {
    descriptor = socket(
      AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let result = withUnixAddress(name) { bind(descriptor, $0, $1) }
    if result != 0 { throw Errno(rawValue: errno) }
  }

  deinit {
    close(descriptor)
  }

  /// The next message.
  func next() throws(Errno) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    if count < 0 { throw Errno(rawValue: errno) }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }
}
