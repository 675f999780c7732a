package import PortLeasing

/// How a ``PortServer`` serves.
package struct ServerOptions: Sendable {
  /// The ports that it leases; at least one.
  package var pool: PortPool
  /// How many clients may be connected at a time; others wait in the kernel's
  /// queue.
  package var maxClients = 1024
  /// How many of them may be one user's; `nil` for a quarter.
  ///
  /// If one more connects, another client of the same user is closed.
  package var maxClientsPerUser: Int?
  /// How long a client may take to send its request.
  package var clientTimeout = Duration.seconds(5)
  /// How long after its last byte a request of version 1 counts without LF.
  package var requestPause = Duration.milliseconds(100)
  /// Whether every user may have ports leased to every process.
  package var allowsForeignPIDs = false
  /// How many ports a process may have; `nil` for no limit.
  package var maxPortsPerProcess: Int?
  /// How many leased ports a user may have asked for; `nil` for no limit.
  package var maxPortsPerUser: Int?
  /// How many descriptors this process may have open (`RLIMIT_NOFILE`).
  package var descriptorLimit = 1024

  package init(pool: PortPool) {
    self.pool = pool
  }
}
