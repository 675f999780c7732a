import HostSystem
import PortLeasing
import PortLedger
import PortPicker
import SystemPackage

/// Findings about this host that matter to programs that pick ports.
struct Diagnosis {
  private let options: PickOptions
  private(set) var findings: [Finding] = []
  /// The pools that were examined, and whose they are.
  private(set) var pools: [(pool: PortPool, owner: PoolOwner)] = []

  enum PoolOwner {
    /// A port server, for messages.
    case server(String)
    /// The ledger, which knows the ports of names.
    case ledger
  }

  init(_ options: PickOptions) {
    self.options = options
    examineServers()
    examinePools()
    examineLedger()
    examineNames()
    examineKernel()
    examineProcess()
  }

  mutating func say(
    _ level: Finding.Level, _ topic: String, _ text: String
  ) {
    findings.append(Finding(level: level, topic: topic, text: text))
  }
}

// MARK: - Where ports come from

extension Diagnosis {
  private mutating func examineServers() {
    do throws(PortPickerError) {
      let addresses = try Picker.serverAddresses(options)
      if addresses.isEmpty {
        say(
          .note, "server",
          "none is named, so ports come from the ledger and are unique only "
            + "among this user's processes; set PORTSERVER_ADDRESS to use one")
      }
      for address in addresses { examineServer(at: address) }
    } catch {
      say(.problem, "server", "\(error)")
    }
  }

  /// Checks whether servers on this host lease the same ports.
  private mutating func examinePools() {
    var others = PoolMarker.all()[...]
    for server in others
    where !pools.contains(where: { $0.pool == server.pool }) {
      pools.append((server.pool, .server("\(server.process), a port server,")))
    }
    while let one = others.popFirst() {
      for other in others {
        let shared = one.pool.intersection(other.pool)
        if shared.isEmpty { continue }
        say(
          .problem, "servers",
          "\(one.process) and \(other.process) are port servers that both "
            + "lease \(shared.summary), so two processes may get the same port; "
            + "give one of them another --pool")
      }
    }
  }

  private mutating func examineServer(at address: String) {
    var asked = options
    asked.source = .server(address)
    asked.requiresServer = true
    do throws(PortPickerError) {
      guard let status = try Picker.shared.serverStatus(asked) else {
        say(
          .note, "server",
          "\(address) answers, but knows only version 1 of the protocol: it "
            + "cannot lease consecutive ports, take ports back, or list leases")
        return
      }
      guard let (_, version) = status.origin.server else { return }
      say(
        .ok, "server",
        "\(address) answers: version \(version), protocol 2")
      examine(status, "server")
      pools.append(
        (status.portPool, .server("the port server at \(address)")))
    } catch {
      say(.problem, "server", "\(error)")
    }
  }

  private mutating func examineLedger() {
    var asked = options
    asked.source = .ledger
    asked.requiresServer = false
    do throws(PortPickerError) {
      let status = try portSourceStatus(options: asked)
      guard let path = status.origin.ledgerPath else { return }
      say(.ok, "ledger", "\(path) can be used")
      if path.hasPrefix("/tmp/"),
        environmentVariable("PORTPICKER_LEDGER") == nil
      {
        say(
          .note, "ledger",
          "it is in /tmp because /dev/shm is not available; a process with "
            + "another /tmp uses another ledger")
      }
      examine(status, "ledger")
      pools.append((status.portPool, .ledger))
    } catch {
      say(.problem, "ledger", "\(error)")
    }
  }

  /// Checks a pool, and how much of it is left.
  private mutating func examine(_ status: PortSourceStatus, _ origin: String) {
    let topic = "pool (\(origin))"
    let before = findings.count
    let pool = status.portPool
    let kernel = KernelPorts.current()
    let shared = pool.intersection(kernel.handedOut)
    if !shared.isEmpty {
      say(
        .problem, topic,
        "the kernel assigns \(shared.summary) to outgoing connections "
          + "(ip_local_port_range), which may take a port before its holder "
          + "does; use another pool, or add them to "
          + "net.ipv4.ip_local_reserved_ports")
    }
    let firstUnprivileged = KernelPorts.firstUnprivileged()
    if let lowest = pool.ranges.first?.lowerBound, lowest < firstUnprivileged {
      say(
        .problem, topic,
        "binding ports below \(firstUnprivileged) requires a privilege; use "
          + "another pool, or lower net.ipv4.ip_unprivileged_port_start")
    }
    let used = status.leasedCount + status.inUseCount
    if used * 10 >= status.portCount * 9 {
      say(
        .problem, topic,
        "\(used) of \(status.portCount) ports are taken\(mostHolders(status)); "
          + "end processes that hold ports, or use a larger pool")
    }
    if findings.count == before {
      say(
        .ok, topic,
        "\(pool.summary): \(status.leasedCount) leased, \(status.freeCount) "
          + "free, \(status.inUseCount) in use by others")
    }
  }

  /// The processes that have most of a pool.
  private func mostHolders(_ status: PortSourceStatus) -> String {
    var counts: [Int32: Int] = [:]
    for lease in status.leases { counts[lease.pid, default: 0] += 1 }
    let most = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .prefix(3)
    if most.isEmpty { return "" }
    let texts = most.map { pid, count in
      let lease = status.leases.first { $0.pid == pid }
      return "\(count) by process \(pid)"
        + (lease.map {
          " (\(name(of: $0.user)), \(($0.command ?? "?").cut(to: 40)))"
        } ?? "")
    }
    return ", " + texts.joined(separator: ", ")
  }
}

extension PortSourceStatus {
  fileprivate var portPool: PortPool { PortPool(ports: pool) }
}

extension PortPool {
  init(ports: [ClosedRange<Int>]) {
    self.init(
      ports.map {
        UInt16(clamping: $0.lowerBound)...UInt16(clamping: $0.upperBound)
      })
  }
}

// MARK: - The host

extension Diagnosis {
  private mutating func examineKernel() {
    if hasIPv6() {
      say(.ok, "IPv6", "ports are probed on IPv6 and IPv4")
    } else {
      say(.note, "IPv6", "not available; ports are probed on IPv4 only")
    }
    do throws(Errno) {
      _ = try TCPSocketStates.onPort(1)
      say(.ok, "sockets", "the kernel reports which sockets use a port")
    } catch {
      say(
        .problem, "sockets",
        "the kernel does not report which sockets use a port (\(error)), so "
          + "lingering ports count as in use; allow netlink sockets, or mount "
          + "/proc")
    }
  }

  private mutating func examineProcess() {
    let limit = descriptorLimit()
    if limit < 64 {
      say(
        .problem, "descriptors",
        "a process may open only \(limit); raise the limit (ulimit -n)")
    } else {
      say(.ok, "descriptors", "a process may open \(limit)")
    }
    do throws(Errno) {
      guard case .living = try ProcessIdentity.lookUp(currentPID()) else {
        throw Errno.noSuchProcess
      }
      say(.ok, "/proc", "it shows this process")
    } catch {
      say(
        .problem, "/proc",
        "it does not show this process (\(error)), so the end of a process "
          + "cannot be detected; mount it again (mount -t proc proc /proc)")
    }
    if procHidesProcesses() {
      say(
        .note, "/proc",
        "it hides other users' processes (hidepid); picking ports for them "
          + "takes a port server that sees them")
    }
    if let namespace = try? Namespace.pid(), namespace != .hostPID {
      say(
        .note, "namespaces",
        "this process is in a pid namespace of its own and uses a ledger of its "
          + "own; use a port server to share ports with other pid namespaces")
    }
  }
}
