package import SystemPackage

/// Reads a text file, such as those under `/proc`.
///
/// - Parameters:
///   - path: The file's path.
///   - limit: The maximum number of bytes to read. The rest is ignored.
/// - Returns: The bytes, decoded as UTF-8. Invalid sequences are replaced.
/// - Throws: The error of open(2) or read(2).
package func readTextFile(
  _ path: String, limit: Int = 4096
) throws(Errno) -> String {
  String(decoding: try readFile(path, limit: limit), as: UTF8.self)
}

/// Reads a kernel setting: a file under `/proc/sys`.
///
/// The kernel answers only one read, at offset 0 (`proc_dointvec` and others in
/// `kernel/sysctl.c`). What does not fit into its buffer is lost.
///
/// - Parameter path: The file's path.
/// - Returns: The text, at most 512 KiB, which is enough to list all ports.
/// - Throws: The error of open(2) or pread(2).
func readSetting(_ path: String) throws(Errno) -> String {
  let file = try Descriptor { open(path, O_RDONLY | O_CLOEXEC) }
  var bytes: [UInt8] = []
  for size in [4096, 1 << 19] {
    bytes = [UInt8](repeating: 0, count: size)
    let count = try systemCall { pread(file.raw.rawValue, &bytes, size, 0) }
    bytes.removeLast(size - count)
    if count < size { break }
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// Reads a whole regular file, without waiting for a pipe or a device.
///
/// - Parameters:
///   - path: The file's path.
///   - limit: The number of bytes that the file may have.
/// - Returns: The bytes.
/// - Throws: The error of open(2) or pread(2); `Errno.isDirectory`, or
///   `Errno.notSupported` for anything else that is not a regular file;
///   `Errno.fileTooLarge`.
package func readRegularFile(
  _ path: String, limit: Int
) throws(Errno) -> [UInt8] {
  // Opening a device can have an effect, so that it is looked at first.
  try requireRegular(Stat(path))
  let file = try File(reading: path)
  let status = try file.status()
  try requireRegular(status)
  var size = Int(status.size)
  while true {
    if size > limit { throw .fileTooLarge }
    // One more byte shows whether the file has grown.
    let bytes = try file.read(at: 0, count: size + 1)
    if bytes.count <= size { return bytes }
    size = max(size * 2, 4096)
  }
}

private func requireRegular(_ status: Stat) throws(Errno) {
  switch status.type {
  case .regular: return
  case .directory: throw .isDirectory
  default: throw .notSupported
  }
}

/// Reads the first bytes of a file; see ``readTextFile(_:limit:)``.
func readFile(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
  let file = try Descriptor { open(path, O_RDONLY | O_CLOEXEC) }
  return try readAll(file.raw, limit: limit)
}

/// Reads from a descriptor up to the end of the file, or the limit.
func readAll(
  _ file: FileDescriptor, limit: Int
) throws(Errno) -> [UInt8] {
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: min(limit, 4096))
  while bytes.count < limit {
    let count = try systemCall {
      read(file.rawValue, &buffer, min(buffer.count, limit - bytes.count))
    }
    if count == 0 { break }
    bytes += buffer[..<count]
  }
  return bytes
}

/// The target of a symbolic link (readlink(2)).
///
/// - Parameters:
///   - path: The link's path.
///   - limit: One more than the number of bytes that the target may have. The default
///     is enough for most links under `/proc`.
/// - Returns: The target.
/// - Throws: The error of readlink(2); `Errno.fileNameTooLong` if the target is longer;
///   `Errno.illegalByteSequence` if it is not valid UTF-8.
func linkTarget(of path: String, limit: Int = 64) throws(Errno) -> String {
  try withUnsafeTemporaryAllocation(of: CChar.self, capacity: limit) {
    buffer throws(Errno) in
    guard let start = buffer.baseAddress else { throw .noMemory }
    let count = try systemCall { readlink(path, start, buffer.count) }
    guard count < buffer.count else { throw .fileNameTooLong }
    let bytes = UnsafeRawBufferPointer(buffer)[..<count]
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .illegalByteSequence
    }
    return text
  }
}
