import SystemPackage

/// What has to stand in a ledger's file, in memory, so that it can be put back
/// whatever others do to the file.
///
/// Pages in which nothing stands take no memory.
struct LedgerImage: ~Copyable {
  /// By their places in the file; `nil` for zeros.
  private var pages: [UnsafeMutableRawBufferPointer?]
  private let buffer = Self.newPage()

  static let pageSize = 4096

  /// How many pages there are.
  static let pageCount =
    (LedgerFormat.fileSize + pageSize - 1) / pageSize

  /// Takes over what stands in a file.
  ///
  /// - Throws: What reading it says.
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

  /// The words that stand for a port.
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

  /// Writes all records to a file that has none.
  ///
  /// - Throws: What writing says.
  func write(to file: LedgerFile) throws(Errno) {
    for (number, page) in pages.enumerated() {
      guard let page else { continue }
      try file.writePage(number, UnsafeRawBufferPointer(page))
    }
  }

  /// Puts a page of the file right where something else stands in it.
  ///
  /// - Returns: Whether that was so.
  /// - Throws: What reading or writing says.
  func mend(page number: Int, of file: LedgerFile) throws(Errno) -> Bool {
    try file.readPage(number, into: buffer)
    let first = number == 0 ? LedgerFormat.headerSize : 0
    var wasMended = false
    for offset in stride(
      from: first, to: Self.pageSize, by: LedgerFormat.recordSize)
    {
      let index = number * Self.pageSize + offset
      guard index < LedgerFormat.fileSize else { break }
      let port = UInt16(
        (index - LedgerFormat.headerSize) / LedgerFormat.recordSize + 1)
      let words = self[port]
      if buffer.load(fromByteOffset: offset, as: SIMD4<UInt64>.self) == words {
        continue
      }
      try file.write(words, for: port)
      wasMended = true
    }
    return wasMended
  }
}
