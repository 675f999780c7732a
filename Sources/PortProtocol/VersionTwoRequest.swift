/// A request of version 2 of the protocol (docs/protocol.md): a line that begins with
/// a lower-case letter.
package enum VersionTwoRequest: Hashable, Sendable {
  /// `lease [pid=P] [count=N] [contiguous]`.
  case lease(LeaseOrder)
  /// `return [pid=P] PORT…`: the process must hold them, if one is named.
  case returnPorts([UInt16], pid: Int32?)
  /// `leases [PORT…]`: of these ports; without any, of all.
  case leases([UInt16])
  /// `stats`.
  case statistics
  /// `pool`.
  case pool
  /// `in-use`.
  case portsInUse
  /// `version`.
  case version

  /// How many bytes a line may have, in either direction, including LF.
  package static let maximumLineLength = 1024

  /// How many ports a request may name or ask for: as many as fit into a line.
  package static let maximumPortCount = 160

  /// Reads a line.
  ///
  /// Whitespace, including a CR at the end, separates words.
  ///
  /// - Parameter line: The line without its LF.
  /// - Throws: What is wrong with it.
  package init(parsing line: ArraySlice<UInt8>) throws(VersionTwoError) {
    let words = line.split(whereSeparator: \.isBlank)
    let arguments = words.dropFirst()
    guard let word = words.first else {
      throw .malformed("the line is empty")
    }
    if word.isText("lease") {
      self = .lease(try LeaseOrder(parsing: arguments))
    } else if word.isText("return") {
      guard !arguments.isEmpty else {
        throw .malformed("return names no port: return PORT...")
      }
      self = try Self.returning(arguments)
    } else if word.isText("leases") {
      self = .leases(try Self.ports(parsing: arguments))
    } else if word.isText("stats") {
      self = try Self.alone(.statistics, arguments)
    } else if word.isText("pool") {
      self = try Self.alone(.pool, arguments)
    } else if word.isText("in-use") {
      self = try Self.alone(.portsInUse, arguments)
    } else if word.isText("version") {
      self = try Self.alone(.version, arguments)
    } else {
      throw VersionTwoError(
        .unknownRequest,
        "'\(text(word))' is none of lease, return, leases, stats, pool, in-use, "
          + "version"
      )
    }
  }

  /// The bytes that a client sends.
  package var bytes: [UInt8] {
    Array((words.joined(separator: " ") + "\n").utf8)
  }

  private var words: [String] {
    switch self {
    case .lease(let order):
      ["lease"] + (order.pid.map { ["pid=\($0)"] } ?? [])
        + (order.count == 1 ? [] : ["count=\(order.count)"])
        + (order.isContiguous ? ["contiguous"] : [])
    case .returnPorts(let ports, let pid):
      ["return"] + (pid.map { ["pid=\($0)"] } ?? []) + ports.map { "\($0)" }
    case .leases(let ports): ["leases"] + ports.map { "\($0)" }
    case .statistics: ["stats"]
    case .pool: ["pool"]
    case .portsInUse: ["in-use"]
    case .version: ["version"]
    }
  }

  private static func returning(
    _ arguments: ArraySlice<ArraySlice<UInt8>>
  ) throws(VersionTwoError) -> VersionTwoRequest {
    guard let first = arguments.first, first.hasPrefix("pid=") else {
      return .returnPorts(try ports(parsing: arguments), pid: nil)
    }
    guard let pid = Int32(digits: first.dropFirst(4)) else {
      throw .malformed("'\(text(first))' is invalid; expected pid=NUMBER")
    }
    guard arguments.count > 1 else {
      throw .malformed("return names no port: return [pid=P] PORT...")
    }
    return .returnPorts(try ports(parsing: arguments.dropFirst()), pid: pid)
  }

  private static func alone(
    _ request: VersionTwoRequest, _ arguments: ArraySlice<ArraySlice<UInt8>>
  ) throws(VersionTwoError) -> VersionTwoRequest {
    if let argument = arguments.first {
      throw .malformed(
        "'\(text(argument))' is unexpected")
    }
    return request
  }

  private static func ports(
    parsing words: ArraySlice<ArraySlice<UInt8>>
  ) throws(VersionTwoError) -> [UInt16] {
    guard words.count <= maximumPortCount else {
      throw VersionTwoError(
        .tooMany,
        "the request names \(words.count) ports; at most \(maximumPortCount) are "
          + "allowed")
    }
    return try words.map { word throws(VersionTwoError) in
      guard let port = UInt16(digits: word), port > 0 else {
        throw .malformed("'\(text(word))' is not a port; expected 1-65535")
      }
      return port
    }
  }
}

/// What a `lease` request asks for.
package struct LeaseOrder: Hashable, Sendable {
  /// The process that the ports are for, in the client's pid namespace; `nil`
  /// for the client itself.
  package var pid: Int32?
  /// How many ports, at least 1; all of them or none.
  package var count: Int
  /// Whether they must be in a row.
  package var isContiguous: Bool

  package init(pid: Int32? = nil, count: Int = 1, isContiguous: Bool = false) {
    self.pid = pid
    self.count = count
    self.isContiguous = isContiguous
  }

  /// Reads the words after `lease`, in any order, each at most once.
  init(
    parsing words: ArraySlice<ArraySlice<UInt8>>
  ) throws(VersionTwoError) {
    var pid: Int32?
    var count: Int?
    var isContiguous = false
    for word in words {
      if word.hasPrefix("pid="), pid == nil {
        guard let number = Int32(digits: word.dropFirst(4)) else {
          throw .malformed("'\(text(word))' is invalid; expected pid=NUMBER")
        }
        pid = number
      } else if word.hasPrefix("count="), count == nil {
        guard let number = Int(digits: word.dropFirst(6)), number > 0 else {
          throw .malformed(
            "'\(text(word))' is invalid; expected count=NUMBER, 1 or more")
        }
        guard number <= VersionTwoRequest.maximumPortCount else {
          throw VersionTwoError(
            .tooMany,
            "the request asks for \(number) ports; at most "
              + "\(VersionTwoRequest.maximumPortCount) are allowed")
        }
        count = number
      } else if word.isText("contiguous"), !isContiguous {
        isContiguous = true
      } else {
        throw .malformed(
          "'\(text(word))' is not pid=P, count=N or contiguous, or is repeated"
        )
      }
    }
    self.init(pid: pid, count: count ?? 1, isContiguous: isContiguous)
  }
}

extension ArraySlice<UInt8> {
  /// Whether the bytes begin with an ASCII string.
  fileprivate func hasPrefix(_ text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    if count < length { return false }
    for index in 0..<length
    where self[startIndex + index] != text.utf8Start[index] { return false }
    return true
  }

  /// Whether the bytes are an ASCII string.
  fileprivate func isText(_ text: StaticString) -> Bool {
    count == text.utf8CodeUnitCount && hasPrefix(text)
  }
}

/// A word of a request, for a message.
private func text(_ word: ArraySlice<UInt8>) -> String {
  String(decoding: word, as: UTF8.self)
}
