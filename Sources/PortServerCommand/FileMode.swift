import ArgumentParser

/// The permissions of a file, written in octal as chmod(1) takes them.
struct FileMode: CustomStringConvertible {
  let bits: UInt32

  init(bits: UInt32) {
    self.bits = bits
  }

  init(parsing text: String) throws {
    guard text.allSatisfy({ ("0"..."7").contains($0) }),
      let bits = UInt32(text, radix: 8), bits <= 0o777
    else {
      throw ValidationError(
        "permissions in octal are expected, 0 to 777, such as 660")
    }
    self.bits = bits
  }

  var description: String {
    let digits = String(bits, radix: 8)
    return String(repeating: "0", count: max(4 - digits.count, 0)) + digits
  }
}
