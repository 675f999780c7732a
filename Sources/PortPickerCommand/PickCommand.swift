import HostSystem
import PortPicker
import SystemPackage

/// What `portpicker` does without a subcommand: it picks ports and prints them.
struct PickCommand {
  var pid: String?
  var bindTimeout: String?
  var request = PickRequest()

  func run() throws(PortPickerError) {
    let holder =
      if let pid { try ArgumentText.holder(pid) } else { try Self.parent() }
    let hold = try bindTimeout.map(ArgumentText.bindTimeout) ?? .zero
    var request = request
    request.pid = holder
    request.use = hold > .zero ? .held : .none
    let pick = try Picker.shared.pick(request)
    do {
      try writeToStandardOutput(
        pick.ports.reduce(into: "") { text, port in
          text += text.isEmpty ? "\(port)" : "\n\(port)"
        })
    } catch {
      // The caller does not know the ports.
      _ = try? Picker.shared.returnPorts(pick.ports)
      throw PortPickerError(
        .systemFailure,
        "cannot write the port to standard output: \(error)",
        error)
    }
    pick.warnOfUnusedPool(request.options)
    if !pick.isFromServer {
      keepInBackground(pick.sockets, for: hold, whileAlive: holder)
    }
  }

  private static func parent() throws(PortPickerError) -> Int32 {
    let parent = parentPID()
    guard parent > 0 else {
      throw PortPickerError(
        .invalidArgument,
        "the parent process is outside this pid namespace; name the process "
          + "that the port is for: portpicker PID")
    }
    if parentIsCommandSubstitution() {
      printError(
        "warning: the port belongs to process \(parent), a subshell that ends "
          + "with the command substitution; name the process that the port is "
          + "for: portpicker $$", as: "portpicker")
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
      printError(
        "warning: cannot keep the port bound: \(error)", as: "portpicker")
    }
  }
}

extension Pick {
  /// Warns if a pool was named and a server, which has its own, leased the ports.
  func warnOfUnusedPool(_ options: PickOptions) {
    guard isFromServer, options.pool != nil else { return }
    printError(
      "warning: the port server leased the "
        + (ports.count == 1 ? "port" : "ports")
        + " from its own pool, not from --pool", as: "portpicker")
  }
}
