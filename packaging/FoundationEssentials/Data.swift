/// Bytes, as far as ArgumentParser uses them.
public struct Data {
  let bytes: [UInt8]
}

extension String {
  /// The encodings that ArgumentParser uses.
  public enum Encoding {
    case utf8
  }

  /// A string of encoded bytes; `nil` if they are not valid.
  public init?(data: Data, encoding: Encoding) {
    self.init(validating: data.bytes, as: UTF8.self)
  }
}
