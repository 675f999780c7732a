package import HostSystem
import PortLeasing
package import SystemPackage

/// How a ledger is laid out in its file.
///
/// A header of 64 bytes, then a record of 32 bytes for each port from 1 to
/// 65535, by port; all numbers are 64 bits wide in the machine's byte order,
/// and parts of them where they are divided. No record crosses a page. A record
/// of zeros is a port that nobody has, so that a new ledger is a file with a
/// hole in it.
///
/// | word of the header | holds |
/// | --- | --- |
/// | 0 | the magic number |
/// | 1 | the format's version, from bit 32 on the cursor |
/// | 2 | which boot of the machine the ledger is of |
/// | 3 | the network namespace, from bit 32 on the pid namespace |
/// | 4 | the time namespace |
/// | 5–6 | zero |
/// | 7 | checksum of the words before it |
///
/// | word of a record | holds |
/// | --- | --- |
/// | 0 | the holder's pid, from bit 32 on the uid that asked |
/// | 1 | the holder's start time |
/// | 2 | when it was leased |
/// | 3 | checksum of the words before it, the port, the boot and the version |
package enum LedgerFormat {
  /// It is `portpick` in ASCII, read as a number.
  static let magic: UInt64 = 0x6B63_6970_7472_6F70
  static let version: UInt32 = 1
  package static let headerSize = 64
  package static let recordSize = 32
  /// The size of a whole ledger, in bytes.
  package static let fileSize = headerSize + Int(UInt16.max) * recordSize

  /// Whether a file that is no ledger now was one before it was damaged.
  ///
  /// It is as long as a ledger, or begins as one, as far as there is anything left.
  ///
  /// - Parameters:
  ///   - word: Its first word, zeros where it is shorter.
  ///   - size: How long it is, in bytes.
  /// - Returns: Whether it was.
  static func isRemnant(_ word: UInt64, size: Int) -> Bool {
    let mask = size < 8 ? (1 << UInt64(size * 8)) - 1 : UInt64.max
    return size == fileSize || word == magic & mask
  }

  /// Where a port's record begins.
  package static func offset(of port: UInt16) -> Int {
    headerSize + (Int(port) - 1) * recordSize
  }

  /// Mixes words into one that changes with any of them.
  ///
  /// It guards against accidents, not against somebody who writes the ledger on
  /// purpose: that is its user alone.
  static func checksum(_ words: UInt64...) -> UInt64 {
    var sum = magic &+ UInt64(version)
    for word in words {
      sum = (sum ^ word) &* 0x9E37_79B9_7F4A_7C15
      sum ^= sum >> 29
    }
    return sum
  }
}

/// What gives a ledger's content its meaning: pids are the pids of one boot
/// and one pid namespace, start times those of one time namespace, ports are
/// the ports of one network namespace.
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

  /// That of this process.
  ///
  /// - Throws: Where `/proc` does not say.
  package static func current() throws(Errno) -> LedgerContext {
    LedgerContext(
      boot: try bootIdentifier(), network: try .network(),
      process: try .process(), time: try .time())
  }
}

/// The first bytes of a ledger.
struct LedgerHeader: Hashable {
  var context: LedgerContext
  /// The port that was handed out last; 0 before the first.
  var cursor: UInt16

  init(context: LedgerContext, cursor: UInt16) {
    self.context = context
    self.cursor = cursor
  }

  /// Reads a header; `nil` where the words are none, or one of another
  /// version of the format.
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

  /// The words that stand for a lease, or, for `nil`, for none.
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

  private static func checksum(
    _ words: SIMD4<UInt64>, _ port: UInt16, _ boot: UInt64
  ) -> UInt64 {
    LedgerFormat.checksum(words[0], words[1], words[2], UInt64(port), boot)
  }
}
