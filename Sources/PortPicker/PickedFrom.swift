/// What a value that keeps a port has to know in order to give it back.
///
/// It takes no part in memory management, so that a value which has one can be
/// discarded: pickers live as long as the process.
struct PickedFrom: Sendable {
  private let picker: Unmanaged<Picker>

  init(_ picker: Picker) {
    self.picker = .passUnretained(picker)
  }

  /// Gives ports back.
  ///
  /// A child made by fork(2) has a copy of its parent's value, and the ports
  /// are the parent's: nothing is done there.
  func returnPorts(_ ports: [Int], timeout: Duration) throws(PortPickerError) {
    try PickRequest.validate(timeout)
    let picker = picker.takeUnretainedValue()
    guard picker.isOwn else { return }
    _ = try picker.returnPorts(ports.map(UInt16.init), timeout: timeout)
  }

  /// As ``returnPorts(_:timeout:)``, later and on another thread; a warning says if
  /// it fails.
  func returnLater(_ ports: [Int]) {
    let picker = picker.takeUnretainedValue()
    guard picker.isOwn else { return }
    picker.returnPortsLater(ports.map(UInt16.init))
  }

  /// As ``returnPorts(_:timeout:)``, right away; a warning says if it fails.
  func returnOrWarn(_ ports: [Int]) {
    do throws(PortPickerError) {
      try returnPorts(ports, timeout: PickOptions().timeout)
    } catch {
      for port in ports { warnOfLostPort(port, error) }
    }
  }

  /// As ``returnPorts(_:timeout:)``, without keeping a thread of the concurrency
  /// pool waiting; a warning says if it fails.
  func returnOrWarn(_ ports: [Int]) async {
    do throws(PortPickerError) {
      try await waiting { () throws(PortPickerError) in
        try returnPorts(ports, timeout: PickOptions().timeout)
      }
    } catch {
      for port in ports { warnOfLostPort(port, error) }
    }
  }
}
