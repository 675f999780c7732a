import PortPicker
import PortPickerTesting
import TestSupport

/// Picks from a block of test ports.
let testPick = PickOptions(source: .ledger, pool: testPool)

/// Quick to give up, on a port of the test's block.
let quick = ServerOptions(
  startTimeout: .seconds(10), endTimeout: .milliseconds(300), pick: testPick)

/// An invalid pool, so that each pick fails, if there is no block.
private let testPool: [ClosedRange<Int>] =
  (try? unusedTestBlock()).map { [Int($0.lowerBound)...Int($0.upperBound)] }
  ?? []

extension ServerOptions {
  /// These options with variables.
  func with(_ marked: MarkedProcesses) -> ServerOptions {
    var options = self
    options.environment = marked.environment
    return options
  }
}
