// The names are those of the header.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CPortPicker
import PortProtocol

/// `pp_version` of the header.
@c @implementation
public func pp_version() -> UnsafePointer<CChar>? {
  UnsafePointer(version.text)
}

/// The version as a C string that is never freed.
private let version = ConstantText(portPickerVersion)

private struct ConstantText: @unchecked Sendable {
  let text: UnsafeMutablePointer<CChar>

  init(_ string: String) {
    let characters = string.utf8CString
    text = .allocate(capacity: characters.count)
    for (index, character) in characters.enumerated() {
      (text + index).initialize(to: character)
    }
  }
}
