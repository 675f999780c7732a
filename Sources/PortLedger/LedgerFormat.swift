package import HostSystem
import PortLeasing
package import SystemPackage

/// How a ledger is laid out in its file.
///
/// A header of 64 bytes is followed by a record of 32 bytes for each port from 1 to
/// 65535. Both consist of 64-bit words in the machine's byte order; some words contain
/// two numbers. No record crosses a page boundary. A record of zeros means a vacant
/// port, so a new ledger is a sparse file.
///
/// | word of the header | content |
/// | --- | --- |
/// | 0 | the magic number |
/// | 1 | the format's version, from bit 32 on the cursor |
/// | 2 | the boot of the machine |
/// | 3 | the network namespace, from bit 32 on the pid namespace |
/// | 4 | the time namespace |
/// | 5 | how many times a server has taken over leases from it |
/// | 6 | zero |
/// | 7 | checksum of the words before it |
///
/// | word of a record | content |
/// | --- | --- |
/// | 0 | the holder's pid, from bit 32 on the uid that requested the port |
/// | 1 | the holder's start time |
/// | 2 | when it was leased, in nanoseconds since boot |
/// | 3 | checksum of the words before it, the port, the boot and the version |
///
/// | word of a claimed port's record | content |
/// | --- | --- |
/// | 0 | -1, from bit 32 on the uid of the user whose claim it is |
/// | 1 | the identifier of the claims file |
/// | 2 | zero |
/// | 3 | checksum like that of a lease, with a tag |
///
/// A version that does not know claims reads such a record as damaged, and leases the
/// port last.
package enum LedgerFormat {
  /// `portpick` in ASCII, read as a number.
  static let magic: UInt64 = 0x6B63_6970_7472_6F70
  static let version: UInt32 = 1
  package static let headerSize = 64
  package static let recordSize = 32
  /// The size of a whole ledger, in bytes.
  package static let fileSize = headerSize + Int(UInt16.max) * recordSize

  /// Whether a damaged file was a ledger: it has the size of one, or starts like one.
  ///
  /// - Parameters:
  ///   - word: Its first word; zeros beyond its end.
  ///   - size: Its size, in bytes.
  /// - Returns: Whether it was a ledger.
  static func isRemnant(_ word: UInt64, size: Int) -> Bool {
    let mask = size < 8 ? (1 << UInt64(size * 8)) - 1 : UInt64.max
    return size == fileSize || word == magic & mask
  }

  /// The offset of a port's record.
  package static func offset(of port: UInt16) -> Int {
    headerSize + (Int(port) - 1) * recordSize
  }

  /// A checksum of words.
  ///
  /// It detects accidents, not forgery: only the ledger's own user can write to it.
  static func checksum(_ words: UInt64...) -> UInt64 {
    var sum = magic &+ UInt64(version)
    for word in words {
      sum = (sum ^ word) &* 0x9E37_79B9_7F4A_7C15
      sum ^= sum >> 29
    }
    return sum
  }
}

/// The boot and the namespaces that a ledger's content belongs to.
///
/// Pids belong to a boot and a pid namespace, start times to a time namespace, and
/// ports to a network namespace.
package struct LedgerContext: Hashable, Sendable {
  package let boot: UInt64
  package let network: Namespace
  package let process: Namespace
  package let time: Namespace

  package init(
    boot: UInt64, network: Namespace, process: Namespace,
    time: Namespace = .hostTime
  ) {
    self.boot = boot
    self.network = network
    self.process = process
    self.time = time
  }

  /// The context of this process.
  ///
  /// - Throws: The error of reading `/proc`.
  package static func current() throws(Errno) -> LedgerContext {
    LedgerContext(
      boot: try bootIdentifier(), network: try .network(),
      process: try .pid(), time: try .time())
  }
}

/// The header of a ledger.
struct LedgerHeader: Hashable {
  var context: LedgerContext
  /// The port that was handed out last; 0 before the first.
  var cursor: UInt16

  init(context: LedgerContext, cursor: UInt16) {
    self.context = context
    self.cursor = cursor
  }

  /// Decodes a header; `nil` if it is invalid, or of another version.
  init?(_ words: SIMD8<UInt64>) {
    guard words[0] == LedgerFormat.magic,
      UInt32(truncatingIfNeeded: words[1]) == LedgerFormat.version,
      words[7] == Self.checksum(words)
    else { return nil }
    cursor = UInt16(truncatingIfNeeded: words[1] >> 32)
    context = LedgerContext(
      boot: words[2],
      network: Namespace(identifier: UInt32(truncatingIfNeeded: words[3])),
      process: Namespace(
        identifier: UInt32(truncatingIfNeeded: words[3] >> 32)),
      time: Namespace(identifier: UInt32(truncatingIfNeeded: words[4])))
  }

  var words: SIMD8<UInt64> {
    var words = SIMD8<UInt64>(repeating: 0)
    words[0] = LedgerFormat.magic
    words[1] = UInt64(LedgerFormat.version) | UInt64(cursor) << 32
    words[2] = context.boot
    words[3] =
      UInt64(context.network.identifier)
      | UInt64(context.process.identifier) << 32
    words[4] = UInt64(context.time.identifier)
    words[7] = Self.checksum(words)
    return words
  }

  private static func checksum(_ words: SIMD8<UInt64>) -> UInt64 {
    LedgerFormat.checksum(words[0], words[1], words[2], words[3], words[4])
  }
}

extension LedgerRecord {
  init(_ words: SIMD4<UInt64>, port: UInt16, boot: UInt64) {
    if words == .zero {
      self = .vacant
    } else if words[3] == Self.claimChecksum(words, port, boot),
      UInt32(truncatingIfNeeded: words[0]) == .max, words[2] == 0
    {
      self = .claimed(
        ClaimMark(
          user: UInt32(truncatingIfNeeded: words[0] >> 32), file: words[1]))
    } else if words[3] == Self.checksum(words, port, boot) {
      self = .lease(
        Lease(
          holder: ProcessIdentity(
            pid: Int32(truncatingIfNeeded: words[0]), startTime: words[1]),
          user: UInt32(truncatingIfNeeded: words[0] >> 32),
          leasedAt: words[2]))
    } else {
      self = .damaged
    }
  }

  /// The words of a lease, or `nil` for a vacant port.
  static func words(
    _ lease: Lease?, port: UInt16, boot: UInt64
  ) -> SIMD4<UInt64> {
    guard let lease else { return .zero }
    var words = SIMD4<UInt64>(repeating: 0)
    words[0] =
      UInt64(UInt32(bitPattern: lease.holder.pid)) | UInt64(lease.user) << 32
    words[1] = lease.holder.startTime
    words[2] = lease.leasedAt
    words[3] = checksum(words, port, boot)
    return words
  }

  /// The words of a claimed port.
  static func words(
    _ mark: ClaimMark, port: UInt16, boot: UInt64
  ) -> SIMD4<UInt64> {
    var words = SIMD4<UInt64>(repeating: 0)
    words[0] = UInt64(UInt32.max) | UInt64(mark.user) << 32
    words[1] = mark.file
    words[3] = claimChecksum(words, port, boot)
    return words
  }

  private static func checksum(
    _ words: SIMD4<UInt64>, _ port: UInt16, _ boot: UInt64
  ) -> UInt64 {
    LedgerFormat.checksum(words[0], words[1], words[2], UInt64(port), boot)
  }

  /// `claimed` in ASCII, read as a number.
  private static let claimTag: UInt64 = 0x0064_656D_6961_6C63

  private static func claimChecksum(
    _ words: SIMD4<UInt64>, _ port: UInt16, _ boot: UInt64
  ) -> UInt64 {
    LedgerFormat.checksum(
      words[0], words[1], words[2], UInt64(port), boot, claimTag)
  }
}
