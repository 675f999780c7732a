package import HostSystem

/// The default pool of claims: 10000–14999, without the ports that something else
/// usually has.
///
/// It is disjoint from the pools of port servers (15000–24999) and of the embedded
/// allocator (25000–32767).
package enum ClaimPool {
  /// Ports that are left out, and why.
  package static let excluded: [(ports: ClosedRange<UInt16>, reason: String)] =
    [
      (10000...10002, "Webmin, HiveServer2, and the Azurite storage emulator"),
      (10050...10051, "Zabbix: agent and server"),
      (10080...10080, "browsers refuse it (Fetch standard); Amanda"),
      (10161...10162, "SNMP over TLS"),
      (10248...10259, "Kubernetes: kubelet, proxy, controllers, scheduler"),
      (10389...10389, "ApacheDS: LDAP"),
      (10443...10443, "a usual second port for HTTPS"),
      (10514...10514, "a usual second port for syslog"),
      (10636...10636, "ApacheDS: LDAPS"),
      (10901...10902, "Thanos: gRPC and HTTP"),
      (11211...11211, "memcached"),
      (11300...11300, "beanstalkd"),
      (11371...11371, "OpenPGP key servers"),
      (11434...11434, "Ollama"),
      (12201...12201, "Graylog: GELF"),
      (12345...12345, "known as the port of a trojan, which scanners report"),
      (13133...13133, "OpenTelemetry Collector: health check"),
      (13306...13306, "a usual second port for MySQL"),
      (14000...14000, "Hadoop HttpFS"),
      (14250...14250, "Jaeger: gRPC"),
      (14268...14269, "Jaeger: HTTP and its administration"),
    ]

  /// The pool on any host.
  package static let ports = PortPool([10000...14999]).subtracting(
    PortPool(excluded.map(\.ports)))

  /// The pool on a host: without the ports that its kernel hands out.
  ///
  /// If that leaves nothing, the whole pool.
  package static func ports(on kernel: KernelPorts) -> PortPool {
    let rest = ports.subtracting(kernel.handedOut)
    return rest.isEmpty ? ports : rest
  }
}
