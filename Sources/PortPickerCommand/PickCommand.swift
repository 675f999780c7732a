import HostSystem
import PortPicker
import SystemPackage

/// What `portpicker` does once its arguments are read: picks ports, and prints
/// them.
struct PickCommand {
  var pid: String?
  var bindTimeout: String?
  var count = 1
  var isContiguous = false
  var options = PickOptions()

  func run() throws(PortPickerError) {
    let holder =
      if let pid { try ArgumentText.holder(pid) } else { try Self.parent() }
    let hold = try bindTimeout.map(ArgumentText.bindTimeout) ?? .zero
    let pick = try Picker.shared.pick(
      PickRequest(
        pid: holder, count: count, isContiguous: isContiguous,
        options: options, use: hold > .zero ? .held : .none))
    do {
      try writeToStandardOutput(
        pick.ports.map { "\($0)" }.joined(separator: "\n"))
    } catch {
      // Nobody will ever use what nobody was told.
      _ = try? Picker.shared.returnPorts(pick.ports)
      throw PortPickerError(
        .systemFailure,
        "the port cannot be written to standard output: \(error)",
        error)
    }
    pick.warnOfUnusedPool(options)
    if !pick.isFromServer {
      keepInBackground(pick.sockets, for: hold, whileAlive: holder)
    }
  }

  private static func parent() throws(PortPickerError) -> Int32 {
    let parent = parentPID()
    guard parent > 0 else {
      throw PortPickerError(
        .invalidArgument,
        "the parent process is outside of this pid namespace; name the "
          + "process that the port is for: portpicker PID")
    }
    if parentIsCommandSubstitution() {
      complain(
        "warning: the port is for process \(parent), a subshell that ends with "
          + "the command substitution, and the lease with it; name the process "
          + "that it is for: portpicker $$", as: "portpicker")
    }
    return parent
  }

  private func keepInBackground(
    _ sockets: [KeptSockets], for duration: Duration, whileAlive holder: Int32
  ) {
    if sockets.isEmpty { return }
    do {
      try holdInBackground(
        sockets.compactMap { $0.release()?.tcp }, for: duration,
        whileAlive: holder)
    } catch {
      writeToStandardError(
        "portpicker: warning: the port is not kept bound: \(error)")
    }
  }
}

extension Pick {
  /// Says so where a pool was named and a server, which has its own, gave the
  /// ports.
  func warnOfUnusedPool(_ options: PickOptions) {
    guard isFromServer, options.pool != nil else { return }
    complain(
      "warning: the port server gave the "
        + (ports.count == 1 ? "port" : "ports")
        + " from its own pool, and not from --pool", as: "portpicker")
  }
}
