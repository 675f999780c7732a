/// A line of a reply of version 2 of the protocol.
package enum VersionTwoReply: Hashable, Sendable {
  /// `ok` and more words: the server has done what the request asks for.
  case ok([String])
  /// `error`: it has not.
  case error(VersionTwoError)
  /// A line of a list. `ok` and the number of lines end the list.
  case item(String)

  /// Reads a line, without its LF.
  ///
  /// Bytes that are not printable ASCII, which the protocol does not have, become
  /// `?`: the words may reach a terminal.
  package init(parsing line: some Sequence<UInt8>) {
    let bytes = line.map {
      (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?")
    }
    let text = String(decoding: bytes, as: UTF8.self)
    let words = text.split(separator: " ", maxSplits: 2).map { String($0) }
    switch words.first {
    case "ok":
      self = .ok(text.split(separator: " ").dropFirst().map { String($0) })
    case "error":
      self = .error(
        VersionTwoError(
          VersionTwoError.Code(words.count > 1 ? words[1] : ""),
          words.count > 2 ? words[2] : ""))
    default: self = .item(text)
    }
  }

  /// The reply to `lease`.
  package static func ok(ports: [UInt16]) -> [UInt8] {
    var line: [UInt8] = []
    line.reserveCapacity(3 + 6 * ports.count)
    line += "ok".utf8
    for port in ports {
      line.append(UInt8(ascii: " "))
      VersionOneReply.withBytes(of: port) {
        line += UnsafeRawBufferPointer(rebasing: $0.dropLast())
      }
    }
    line.append(UInt8(ascii: "\n"))
    return line
  }

  /// A line with `ok` and other words.
  package static func ok(_ words: some Sequence<String>) -> [UInt8] {
    asciiLine((["ok"] + words).joined(separator: " "))
  }
}

/// A line of the list `leases`:
/// `port=15000 pid=4242 uid=1000 age=12.4 command=postgres`.
package struct LeaseLine: Hashable, Sendable {
  package var port: UInt16
  /// The holder's pid, in the server's pid namespace.
  package var pid: Int32
  /// The user who asked for the port.
  package var user: UInt32
  /// How long ago the port was leased, in tenths of a second.
  package var age: Int
  /// The holder's name, in printable ASCII; `?` if it is not available.
  package var command: String

  package init(
    port: UInt16, pid: Int32, user: UInt32, age: Int, command: String
  ) {
    self.port = port
    self.pid = pid
    self.user = user
    self.age = age
    self.command = command
  }

  package var bytes: [UInt8] {
    asciiLine(
      "port=\(port) pid=\(pid) uid=\(user) age=\(age / 10).\(age % 10) "
        + "command=\(command)")
  }

  /// Reads a line without its LF; `nil` if it is malformed.
  ///
  /// It ignores unknown fields in front of the command, which later servers may send.
  package init?(parsing line: String) {
    guard let commandField = line.range(ofFirst: " command=") else {
      return nil
    }
    var fields: [Substring: Substring] = [:]
    for word in line[..<commandField.lowerBound].split(separator: " ") {
      let parts = word.split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { return nil }
      fields[parts[0]] = parts[1]
    }
    let age = (fields["age"] ?? "").split(
      separator: ".", omittingEmptySubsequences: false)
    guard
      let port = fields["port"].flatMap({ UInt16(digits: $0) }), port > 0,
      let pid = fields["pid"].flatMap({ Int32(digits: $0) }),
      let user = fields["uid"].flatMap({ UInt32(digits: $0) }),
      age.count == 2, age[1].count == 1,
      let tenths = Int(digits: age.joined())
    else { return nil }
    self.init(
      port: port, pid: pid, user: user, age: tenths,
      command: String(line[commandField.upperBound...]))
  }
}
