/// The picker to which a value that keeps a port returns it.
///
/// It does not retain the picker, so that a value that contains it can be discarded
/// (`discard self`). Pickers live as long as the process.
struct PickedFrom: Sendable {
  private let picker: Unmanaged<Picker>

  init(_ picker: Picker) {
    self.picker = .passUnretained(picker)
  }

  /// Returns ports.
  ///
  /// In a child made by fork(2), which has a copy of its parent's value, this does
  /// nothing: the ports belong to the parent.
  func returnPorts(_ ports: [Int], timeout: Duration) throws(PortPickerError) {
    try PickRequest.validate(timeout)
    let picker = picker.takeUnretainedValue()
    guard picker.isOwn else { return }
    _ = try picker.returnPorts(ports.map(UInt16.init), timeout: timeout)
  }

  /// Like ``returnPorts(_:timeout:)``, but on another thread; a failure is a warning.
  func returnLater(_ ports: [Int]) {
    let picker = picker.takeUnretainedValue()
    guard picker.isOwn else { return }
    picker.returnPortsLater(ports.map(UInt16.init))
  }

  /// Like ``returnPorts(_:timeout:)``, but a failure is a warning.
  func returnOrWarn(_ ports: [Int]) {
    do throws(PortPickerError) {
      try returnPorts(ports, timeout: PickOptions().timeout)
    } catch {
      for port in ports { warnOfLostPort(port, error) }
    }
  }

  /// Like ``returnPorts(_:timeout:)``, but a failure is a warning, and no thread of
  /// the concurrency pool blocks.
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
