import SystemPackage

/// The content that a ledger's file must have, in memory, so that the file can be
/// repaired whatever others do to it.
///
/// Empty pages take no memory.
struct LedgerImage: ~Copyable {
  /// The pages of the file, in order; `nil` for zeros.
  private var pages: [UnsafeMutableRawBufferPointer?]
  private let buffer = Self.newPage()

  static let pageSize = 4096

  /// How many pages a ledger has.
  static let pageCount =
    (LedgerFormat.fileSize + pageSize - 1) / pageSize

  /// Reads the content of a file.
  ///
  /// - Throws: The error of pread(2).
  init(of file: LedgerFile) throws(Errno) {
    pages = Array(repeating: nil, count: Self.pageCount)
    for number in 0..<Self.pageCount {
      try file.readPage(number, into: buffer)
      if buffer.allSatisfy({ $0 == 0 }) { continue }
      page(number).copyMemory(from: UnsafeRawBufferPointer(buffer))
    }
  }

  deinit {
    for page in pages { page?.deallocate() }
    buffer.deallocate()
  }

  private static func newPage() -> UnsafeMutableRawBufferPointer {
    let page = UnsafeMutableRawBufferPointer.allocate(
      byteCount: pageSize, alignment: 32)
    page.initializeMemory(as: UInt8.self, repeating: 0)
    return page
  }

  private mutating func page(_ number: Int) -> UnsafeMutableRawBufferPointer {
    if let page = pages[number] { return page }
    let page = Self.newPage()
    pages[number] = page
    return page
  }

  /// The words of a port's record.
  subscript(port: UInt16) -> SIMD4<UInt64> {
    get {
      let (number, offset) = Self.place(of: port)
      return pages[number]?.load(
        fromByteOffset: offset, as: SIMD4<UInt64>.self) ?? .zero
    }
    set {
      let (number, offset) = Self.place(of: port)
      if newValue == .zero, pages[number] == nil { return }
      page(number).storeBytes(
        of: newValue, toByteOffset: offset, as: SIMD4<UInt64>.self)
    }
  }

  private static func place(of port: UInt16) -> (page: Int, offset: Int) {
    let offset = LedgerFormat.offset(of: port)
    return (offset / pageSize, offset % pageSize)
  }

  /// Writes the records of some ports, with one call for each run of ports whose
  /// records are in the same page.
  ///
  /// - Throws: The error of pwrite(2); some records may be written then.
  mutating func write(
    _ ports: [UInt16], to file: LedgerFile
  ) throws(Errno) {
    var index = 0
    while index < ports.count {
      let (number, offset) = Self.place(of: ports[index])
      var (first, last) = (offset, offset)
      while index < ports.count, Self.place(of: ports[index]).page == number {
        let offset = Self.place(of: ports[index]).offset
        (first, last) = (min(first, offset), max(last, offset))
        index += 1
      }
      try write(
        first..<last + LedgerFormat.recordSize, ofPage: number, to: file)
    }
  }

  /// Writes all records to a new file.
  ///
  /// - Throws: The error of pwrite(2).
  mutating func write(to file: LedgerFile) throws(Errno) {
    for number in pages.indices where pages[number] != nil {
      try write(Self.records(inPage: number), ofPage: number, to: file)
    }
  }

  /// Repairs the records in a page of the file.
  ///
  /// - Returns: Whether any were wrong.
  /// - Throws: The error of a read or write.
  mutating func repair(
    page number: Int, of file: LedgerFile
  ) throws(Errno) -> Bool {
    try file.readPage(number, into: buffer)
    let records = Self.records(inPage: number)
    let isIntact = stride(
      from: records.lowerBound, to: records.upperBound,
      by: LedgerFormat.recordSize
    ).allSatisfy { offset in
      buffer.load(fromByteOffset: offset, as: SIMD4<UInt64>.self)
        == pages[number]?.load(
          fromByteOffset: offset, as: SIMD4<UInt64>.self) ?? .zero
    }
    if !isIntact { try write(records, ofPage: number, to: file) }
    return !isIntact
  }

  /// The range of a page's bytes that contains records.
  private static func records(inPage number: Int) -> Range<Int> {
    let start = number * pageSize
    let end = min(LedgerFormat.fileSize - start, pageSize)
    return max(LedgerFormat.headerSize - start, 0)..<end
  }

  private mutating func write(
    _ bytes: Range<Int>, ofPage number: Int, to file: LedgerFile
  ) throws(Errno) {
    try file.write(
      UnsafeRawBufferPointer(rebasing: page(number)[bytes]),
      at: number * Self.pageSize + bytes.lowerBound)
  }
}
