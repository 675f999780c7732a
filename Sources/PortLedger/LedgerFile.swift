import HostSystem
import PortLeasing
import SystemPackage

/// A ledger's open file: records in, records out.
///
/// One thread uses it at a time. It knows the layout and nothing of leasing. It is
/// read with calls: a mapping of a file that somebody cuts kills its reader.
final class LedgerFile: @unchecked Sendable {
  private let file: File
  private let boot: UInt64
  /// The page of the file that was read last, where it begins, and how much of
  /// it there is.
  private let page = UnsafeMutableRawBufferPointer.allocate(
    byteCount: 4096, alignment: 32)
  private var pageOffset = -1
  private var pageSize = 0
  /// Whether this was found to be a ledger.
  var isVerified = false
  let device: DeviceID
  let inode: Inode

  /// - Parameters:
  ///   - file: The file.
  ///   - boot: Which boot of the machine the records are of.
  /// - Throws: What `fstat(2)` says.
  init(_ file: consuming File, boot: UInt64) throws(Errno) {
    let status = try file.status()
    device = status.deviceID
    inode = status.inode
    self.file = file
    self.boot = boot
  }

  deinit {
    page.deallocate()
  }

  /// See ``File/lock(until:)``.
  ///
  /// What was read before the lock was had is forgotten.
  func lock(until deadline: Deadline) throws(Errno) -> Bool {
    pageOffset = -1
    return try file.lock(until: deadline)
  }

  func unlock() {
    file.unlock()
  }

  /// The header's words; zeros where the file is shorter.
  func headerWords() throws(Errno) -> SIMD8<UInt64> {
    var words = SIMD8<UInt64>(repeating: 0)
    try withUnsafeMutableBytes(of: &words) { bytes throws(Errno) in
      _ = try file.read(at: 0, into: bytes)
    }
    return words
  }

  func write(_ header: LedgerHeader) throws(Errno) {
    try write(header.words, at: 0)
  }

  /// What the ledger has on a port.
  func record(of port: UInt16) throws(Errno) -> LedgerRecord {
    let place = try place(of: port)
    // What lies beyond the file's end is lost.
    guard place + LedgerFormat.recordSize <= pageSize else { return .damaged }
    let words = page.load(fromByteOffset: place, as: SIMD4<UInt64>.self)
    return record(words, of: port)
  }

  /// Where a port's record is in the page, which is read if it was not.
  private func place(of port: UInt16) throws(Errno) -> Int {
    let offset = LedgerFormat.offset(of: port)
    if pageOffset < 0 || offset < pageOffset
      || offset >= pageOffset + page.count
    {
      let start = offset / page.count * page.count
      pageOffset = -1
      pageSize = try file.read(at: start, into: page)
      pageOffset = start
    }
    return offset - pageOffset
  }

  /// Changes the records of several ports, with one call for each page.
  ///
  /// A process that is killed has changed all or none of the records in a page.
  ///
  /// - Parameters:
  ///   - ports: The ports; the file has their records.
  ///   - change: What is to stand for a port; `nil` where its record stays.
  /// - Throws: What reading or writing says; some records may be changed then.
  func update(
    _ ports: some Sequence<UInt16>,
    _ change: (UInt16, LedgerRecord) -> SIMD4<UInt64>?
  ) throws(Errno) {
    /// The bytes of the page that have changed.
    var changed = 0..<0
    func flush() throws(Errno) {
      if changed.isEmpty { return }
      do throws(Errno) {
        try file.write(
          UnsafeRawBufferPointer(rebasing: page[changed]),
          at: pageOffset + changed.lowerBound)
      } catch {
        pageOffset = -1
        throw error
      }
      changed = 0..<0
    }
    for port in ports.sorted() {
      let offset = LedgerFormat.offset(of: port)
      if offset >= pageOffset + page.count { try flush() }
      guard let words = change(port, try record(of: port)) else { continue }
      let place = try place(of: port)
      page.storeBytes(of: words, toByteOffset: place, as: SIMD4<UInt64>.self)
      changed =
        (changed.isEmpty ? place : changed.lowerBound)..<place
        + LedgerFormat.recordSize
    }
    try flush()
  }

  /// Writes a port's record: a lease, or, for `nil`, none.
  ///
  /// A process that is killed has written all of it or nothing.
  func write(_ lease: Lease?, for port: UInt16) throws(Errno) {
    try write(words(of: lease, for: port), for: port)
  }

  /// The words that stand for a port's lease, or, for `nil`, for none.
  func words(of lease: Lease?, for port: UInt16) -> SIMD4<UInt64> {
    LedgerRecord.words(lease, port: port, boot: boot)
  }

  /// What words that stand for a port mean.
  func record(_ words: SIMD4<UInt64>, of port: UInt16) -> LedgerRecord {
    LedgerRecord(words, port: port, boot: boot)
  }

  /// Writes the words that stand for a port.
  private func write(_ words: SIMD4<UInt64>, for port: UInt16) throws(Errno) {
    pageOffset = -1
    try write(words, at: LedgerFormat.offset(of: port))
  }

  /// Writes records.
  ///
  /// A process that is killed has written all of them or none if they stay within a
  /// page of the file.
  ///
  /// - Parameters:
  ///   - bytes: The records.
  ///   - offset: Where the first of them belongs.
  /// - Throws: What writing says.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Errno) {
    pageOffset = -1
    try file.write(bytes, at: offset)
  }

  /// Copies every lease that can be read to another ledger, and, if there is
  /// any, what is damaged, which may have been leases as well.
  ///
  /// - Returns: How many leases there were.
  func copyLeases(to other: LedgerFile) throws(Errno) -> Int {
    var count = 0
    var damaged: [UInt16] = []
    for port in 1...UInt16.max {
      switch try record(of: port) {
      case .vacant: break
      case .lease(let lease):
        try other.write(lease, for: port)
        count += 1
      case .damaged: damaged.append(port)
      }
    }
    if count == 0 { return 0 }
    for port in damaged {
      try other.write(SIMD4<UInt64>(repeating: .max), for: port)
    }
    return count
  }

  /// Reads a page of the file; zeros where that is shorter.
  func readPage(
    _ number: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) {
    let count = try file.read(at: number * buffer.count, into: buffer)
    UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
      .initializeMemory(as: UInt8.self, repeating: 0)
  }

  /// Empties the file and begins a ledger in it.
  func begin(_ header: LedgerHeader) throws(Errno) {
    try file.resize(to: 0)
    // In this order: a file without a header that is damaged by its size is
    // begun again, a short file with a header would be mended instead.
    try resize()
    try write(header)
  }

  /// Makes the file as long as a ledger is: what is added is vacant.
  func resize() throws(Errno) {
    try file.resize(to: LedgerFormat.fileSize)
  }

  /// Makes the file as long as a ledger is: what is added is damaged.
  func fillWithDamage(from size: Int) throws(Errno) {
    page.initializeMemory(as: UInt8.self, repeating: 0xFF)
    pageOffset = -1
    var offset = size
    while offset < LedgerFormat.fileSize {
      let count = min(page.count, LedgerFormat.fileSize - offset)
      try file.write(
        UnsafeRawBufferPointer(rebasing: page[..<count]), at: offset)
      offset += count
    }
  }

  private func write(
    _ value: some BitwiseCopyable, at offset: Int
  ) throws(Errno) {
    try withUnsafeBytes(of: value) { bytes throws(Errno) in
      try file.write(bytes, at: offset)
    }
  }
}
