/// The ports that the kernel's settings single out in this network namespace (ip(7),
/// "/proc interfaces").
package struct KernelPorts: Hashable, Sendable {
  /// The range from which `bind(0)` and outgoing connections take ports
  /// (`ip_local_port_range`); `nil` if the setting is not a range.
  package var ephemeral: ClosedRange<UInt16>?
  /// The ports excluded from that range (`ip_local_reserved_ports`).
  package var reserved: [ClosedRange<UInt16>]

  package init(
    ephemeral: ClosedRange<UInt16>?, reserved: [ClosedRange<UInt16>] = []
  ) {
    self.ephemeral = ephemeral
    self.reserved = reserved
  }

  /// The settings of this host.
  ///
  /// A setting that cannot be read has the kernel's default.
  package static func current() -> KernelPorts {
    KernelPorts(
      portRange: setting("ip_local_port_range") ?? "32768 60999",
      reservedPorts: setting("ip_local_reserved_ports") ?? "")
  }

  /// The first port that can be bound without privilege
  /// (`ip_unprivileged_port_start`), or the kernel's default if the setting cannot
  /// be read.
  package static func firstUnprivileged() -> UInt16 {
    setting("ip_unprivileged_port_start")?
      .split(whereSeparator: \.isWhitespace).first.flatMap { UInt16($0) }
      ?? 1024
  }

  private static func setting(_ name: String) -> String? {
    try? readSetting("/proc/sys/net/ipv4/\(name)")
  }

  /// Parses the settings as the kernel writes them: `32768\t60999\n` and
  /// `8080,9000-9010\n`.
  package init(
    portRange: String, reservedPorts: String
  ) {
    let bounds = portRange.split(whereSeparator: \.isWhitespace)
      .compactMap { UInt16($0) }
    if bounds.count == 2, bounds[0] <= bounds[1] {
      ephemeral = bounds[0]...bounds[1]
    }
    reserved = reservedPorts.split { $0 == "," || $0.isWhitespace }
      .compactMap { item in
        let ends = item.split(separator: "-").compactMap { UInt16($0) }
        guard let first = ends.first, let last = ends.last, first <= last
        else { return nil }
        return first...last
      }
  }
}
