import CHostSystem
import Glibc
package import SystemPackage

/// A file's content in memory (mmap(2)): to write to it takes no system call.
///
/// What is stored is in the file from then on, as others read it, also when this
/// process is killed.
package final class FileMapping {
  private let bytes: UnsafeMutableRawBufferPointer

  /// Maps a file's first bytes.
  ///
  /// From now on the process handles `SIGBUS`, which the kernel sends where it has
  /// no file behind a mapping any more.
  ///
  /// - Throws: What `mmap(2)` says.
  package init(of file: borrowing File, size: Int) throws(Errno) {
    try systemCall { chs_guard_stores() }
    guard
      let start = mmap(
        nil, size, PROT_READ | PROT_WRITE, MAP_SHARED,
        file.descriptor.raw.rawValue, 0), start != MAP_FAILED
    else { throw Errno(rawValue: errno) }
    bytes = UnsafeMutableRawBufferPointer(start: start, count: size)
  }

  deinit {
    munmap(bytes.baseAddress, bytes.count)
  }

  /// Stores bytes, in one page, at an offset.
  ///
  /// - Returns: Whether there was something to store them in: there is not where
  ///   somebody has cut the file before that page, or where there is no space. In
  ///   the page in which a file was cut, what lies behind its end is lost.
  package func store(
    _ source: UnsafeRawBufferPointer, at offset: Int
  ) -> Bool {
    let place = UnsafeMutableRawBufferPointer(
      rebasing: bytes[offset..<offset + source.count])
    return chs_store(place.baseAddress, source.baseAddress, source.count) == 0
  }
}
