package import PortLeasing

/// How a ``PortServer`` serves.
package struct ServerOptions: Sendable {
  /// The ports that it leases; at least one.
  package var pool: PortPool
  /// How many clients may be connected at a time.
  ///
  /// Further ones wait, in the kernel's queue.
  package var maxClients = 1024
  /// How many of them may be a user's; `nil` for a quarter.
  ///
  /// Where one more comes, another of the same user's makes room.
  package var maxClientsPerUser: Int?
  /// How long a client may take to send its request.
  package var clientTimeout = Duration.seconds(5)
  /// How long after a client's last byte a request without LF counts.
  package var requestPause = Duration.milliseconds(100)
  /// Whether everybody may have ports leased to everybody's processes.
  package var allowsForeignPIDs = false
  /// How many ports a process may have; `nil` for as many as there are.
  package var maxPortsPerProcess: Int?
  /// How many ports a user may have asked for.
  package var maxPortsPerUser: Int?
  /// How many descriptors this process may have open (`RLIMIT_NOFILE`).
  package var descriptorLimit = 1024

  package init(pool: PortPool) {
    self.pool = pool
  }
}
