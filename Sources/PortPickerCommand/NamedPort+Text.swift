import PortPicker

extension NamedPort {
  /// The ports, as the layers below have them.
  var portNumbers: [UInt16] { ports.map { UInt16(clamping: $0) } }

  /// The ports, such as `10432` or `10500-10509`.
  var portsText: String { rangeText(ports) }

  /// The place, and whether it is gone.
  var placeText: String { goneSince == nil ? place : "\(place) (gone)" }

  static func table(_ claims: [NamedPort]) -> Table {
    var table = Table("PORT", "NAME", "PLACE")
    for claim in claims {
      table.add(claim.portsText, claim.name, claim.placeText)
    }
    return table
  }

  var json: JSON {
    .object([
      ("name", .string(name)), ("ports", .array(ports.map { .int($0) })),
      ("place", .string(place)), ("claimedAt", .int(Int(claimedAt))),
      ("goneSince", goneSince.map { .int(Int($0)) } ?? .null),
    ])
  }
}

/// Consecutive ports as text.
func rangeText(_ ports: [Int]) -> String {
  guard let first = ports.first, let last = ports.last, first != last else {
    return ports.first.map { "\($0)" } ?? ""
  }
  return "\(first)-\(last)"
}
