import HostSystem

/// What the page shows.
package struct PageOptions: Sendable {
  /// Whether it shows the commands of processes.
  package var showsCommands = false
  /// The name of this host; `nil` if it is unknown.
  package var hostName: String? = HostSystem.hostName()

  package init() {}
}
