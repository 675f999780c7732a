import HostSystem
import PortLeasing
import SystemPackage

/// A ledger's open file, which reads and writes records.
///
/// It is used by one thread at a time. It is not mapped: a mapping kills its reader if
/// another program truncates the file.
final class LedgerFile: @unchecked Sendable {
  private let file: File
  private let boot: UInt64
  /// The page of the file that was read last, its offset, and its size.
  private let page = UnsafeMutableRawBufferPointer.allocate(
    byteCount: 4096, alignment: 32)
  private var pageOffset = -1
  private var pageSize = 0
  /// The size that the file size limit is known to allow; forgotten when the lock is
  /// taken.
  private var allowedSize = 0
  /// Whether the file is known to be a ledger.
  var isVerified = false
  /// The process that opened it (``forkGeneration()``).
  private let generation = forkGeneration()
  let device: DeviceID
  let inode: Inode

  /// - Parameters:
  ///   - file: The file.
  ///   - boot: The boot of the machine that the records belong to.
  /// - Throws: The error of fstat(2).
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

  /// Whether this process opened it.
  ///
  /// A child made by fork(2) must not use the open files of its parent, with which it
  /// would share the lock.
  var isOwn: Bool { generation == forkGeneration() }

  /// See ``File/lock(until:)``.
  ///
  /// The page that was read before is discarded.
  func lock(until deadline: Deadline) throws(Errno) -> Bool {
    pageOffset = -1
    allowedSize = 0
    return try file.lock(until: deadline)
  }

  func unlock() {
    file.unlock()
  }

  /// The header's words; zeros beyond the end of the file.
  func headerWords() throws(Errno) -> SIMD8<UInt64> {
    var words = SIMD8<UInt64>(repeating: 0)
    try withUnsafeMutableBytes(of: &words) { bytes throws(Errno) in
      _ = try file.read(at: 0, into: bytes)
    }
    return words
  }

  /// How many times a server has taken over leases from the file.
  func restarts() throws(Errno) -> UInt64 { try headerWords()[5] }

  /// Changes ``restarts()``.
  func write(restarts: UInt64) throws(Errno) {
    var words = try headerWords()
    words[5] = restarts
    try write(words, at: 0)
  }

  func write(_ header: LedgerHeader) throws(Errno) {
    try write(header.words, at: 0)
  }

  /// The record of a port.
  func record(of port: UInt16) throws(Errno) -> LedgerRecord {
    try words(of: port).map { record($0, of: port) } ?? .damaged
  }

  /// The words of a port's record; `nil` beyond the end of the file.
  private func words(of port: UInt16) throws(Errno) -> SIMD4<UInt64>? {
    let place = try place(of: port)
    guard place + LedgerFormat.recordSize <= pageSize else { return nil }
    return page.load(fromByteOffset: place, as: SIMD4<UInt64>.self)
  }

  /// The ports whose records are not vacant, in ascending order.
  ///
  /// Most pages have none, and cost a read and a comparison.
  func occupiedPorts() throws(Errno) -> [UInt16] {
    var ports: [UInt16] = []
    var port = 1
    while port <= Int(UInt16.max) {
      let start = try place(of: UInt16(port))
      let count = min(
        (page.count - start) / LedgerFormat.recordSize,
        Int(UInt16.max) - port + 1)
      let end = start + count * LedgerFormat.recordSize
      // What is beyond the end of the file is damaged.
      if end > pageSize || !isZero(page[start..<end]) {
        for port in port..<port + count
        where try record(of: UInt16(port)) != .vacant {
          ports.append(UInt16(port))
        }
      }
      port += count
    }
    return ports
  }

  /// Where a port's record is in its page, which is read if necessary.
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
  /// If the process is killed, all or none of the records in a page are changed.
  ///
  /// - Parameters:
  ///   - ports: The ports. The file must be long enough to contain their records.
  ///   - change: The new words of a port; `nil` to keep its record.
  /// - Throws: The error of a read or write; some records may be changed then.
  func update(
    _ ports: [UInt16],
    _ change: (UInt16, LedgerRecord) -> SIMD4<UInt64>?
  ) throws(Errno) {
    /// The changed bytes of the page.
    var changed = 0..<0
    func flush() throws(Errno) {
      if changed.isEmpty { return }
      do throws(Errno) {
        try writeBytes(
          UnsafeRawBufferPointer(rebasing: page[changed]),
          at: pageOffset + changed.lowerBound)
      } catch {
        pageOffset = -1
        throw error
      }
      changed = 0..<0
    }
    for port in ports.count == 1 ? ports : ports.sorted() {
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

  /// Makes ports vacant, with one call for each page.
  ///
  /// - Parameters:
  ///   - ports: The ports.
  ///   - condition: Whether to change a record.
  /// - Throws: As ``update(_:_:)``.
  func clear(
    _ ports: [UInt16], where condition: (LedgerRecord) -> Bool
  ) throws(Errno) {
    try update(ports) { _, record in condition(record) ? .zero : nil }
  }

  /// Writes a port's record: a lease, or `nil` for a vacant port.
  ///
  /// If the process is killed, all of the record is written or nothing.
  func write(_ lease: Lease?, for port: UInt16) throws(Errno) {
    try write(words(of: lease, for: port), for: port)
  }

  /// The words of a port's record: a lease, or `nil` for a vacant port.
  func words(of lease: Lease?, for port: UInt16) -> SIMD4<UInt64> {
    LedgerRecord.words(lease, port: port, boot: boot)
  }

  /// The words of a claimed port's record.
  func words(of mark: ClaimMark, for port: UInt16) -> SIMD4<UInt64> {
    LedgerRecord.words(mark, port: port, boot: boot)
  }

  /// Decodes the words of a port's record.
  func record(_ words: SIMD4<UInt64>, of port: UInt16) -> LedgerRecord {
    LedgerRecord(words, port: port, boot: boot)
  }

  /// Writes the words of a port's record.
  private func write(_ words: SIMD4<UInt64>, for port: UInt16) throws(Errno) {
    pageOffset = -1
    try write(words, at: LedgerFormat.offset(of: port))
  }

  /// Writes records.
  ///
  /// If they are in one page of the file, and the process is killed, all of them are
  /// written or none.
  ///
  /// - Parameters:
  ///   - bytes: The records.
  ///   - offset: The offset of the first of them in the file.
  /// - Throws: The error of pwrite(2).
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Errno) {
    pageOffset = -1
    try writeBytes(bytes, at: offset)
  }

  /// The claimed ports in a ledger of another boot.
  func claims(ofBoot boot: UInt64) throws(Errno) -> [UInt16: ClaimMark] {
    var claims: [UInt16: ClaimMark] = [:]
    for port in try occupiedPorts() {
      guard let words = try words(of: port),
        case .claimed(let mark) = LedgerRecord(words, port: port, boot: boot)
      else { continue }
      claims[port] = mark
    }
    return claims
  }

  /// Copies every lease, and every claimed port, to another ledger.
  ///
  /// If there are any leases, damaged records are copied as well, because they may have been
  /// leases.
  ///
  /// - Returns: How many leases there were.
  func copyLeases(to other: LedgerFile) throws(Errno) -> Int {
    var count = 0
    var damaged: [UInt16] = []
    for port in try occupiedPorts() {
      switch try record(of: port) {
      case .vacant: break
      case .lease(let lease):
        try other.write(lease, for: port)
        count += 1
      case .claimed(let mark):
        try other.write(other.words(of: mark, for: port), for: port)
      case .damaged: damaged.append(port)
      }
    }
    if count == 0 { return 0 }
    for port in damaged {
      try other.write(SIMD4<UInt64>(repeating: .max), for: port)
    }
    return count
  }

  /// Reads a page of the file; zeros beyond its end.
  func readPage(
    _ number: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) {
    let count = try file.read(at: number * buffer.count, into: buffer)
    UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
      .initializeMemory(as: UInt8.self, repeating: 0)
  }

  /// Empties the file and starts a ledger in it.
  ///
  /// - Parameters:
  ///   - header: The header.
  ///   - claims: The claimed ports.
  /// - Throws: The error of a read or write.
  func begin(
    _ header: LedgerHeader, with claims: [UInt16: ClaimMark] = [:]
  ) throws(Errno) {
    pageOffset = -1
    try file.resize(to: 0)
    // The header is written last: a file of the right size without a header is
    // replaced, but a short file with a header would be filled with damage.
    try resize()
    try update(Array(claims.keys)) { port, _ in
      claims[port].map { words(of: $0, for: port) }
    }
    try write(header)
  }

  /// Gives the file the size of a ledger.
  ///
  /// Added records are vacant.
  func resize() throws(Errno) {
    try file.resize(to: LedgerFormat.fileSize)
  }

  /// Gives the file the size of a ledger.
  ///
  /// Added records are damaged.
  func fillWithDamage(from size: Int) throws(Errno) {
    page.initializeMemory(as: UInt8.self, repeating: 0xFF)
    pageOffset = -1
    var offset = size
    while offset < LedgerFormat.fileSize {
      let count = min(page.count, LedgerFormat.fileSize - offset)
      try writeBytes(
        UnsafeRawBufferPointer(rebasing: page[..<count]), at: offset)
      offset += count
    }
  }

  private func write(
    _ value: some BitwiseCopyable, at offset: Int
  ) throws(Errno) {
    try withUnsafeBytes(of: value) { bytes throws(Errno) in
      try writeBytes(bytes, at: offset)
    }
  }

  /// Writes bytes.
  ///
  /// The file size limit is looked up only if it is not known to allow the write: that
  /// is a system call of its own (getrlimit(2)).
  private func writeBytes(
    _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(Errno) {
    let end = offset + bytes.count
    try file.write(bytes, at: offset, isAllowed: end <= allowedSize)
    allowedSize = max(allowedSize, end)
  }
}

/// Whether bytes are zero: the first one is, and each is equal to the one before it.
private func isZero(_ bytes: Slice<UnsafeMutableRawBufferPointer>) -> Bool {
  let bytes = UnsafeRawBufferPointer(rebasing: bytes)
  guard let start = bytes.baseAddress else { return true }
  return bytes[0] == 0 && memcmp(start, start + 1, bytes.count - 1) == 0
}
