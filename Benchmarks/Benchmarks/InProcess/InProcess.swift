import BareCalls
import Benchmark
import Foundation
import PortPicker

/// What the library does in this process, each beside the bare system calls.
///
/// A pick is given back at once, so that each finds the ledger as the first one
/// did.
let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = .init(
    metrics: [.wallClock], warmupIterations: 100, scalingFactor: .one,
    maxDuration: .seconds(2), maxIterations: 20_000)
  let ledger = "/dev/shm/portpicker-benchmark-\(getpid())"
  let options = PickOptions(source: .ledger, pool: [10000...60000])

  Benchmark("pick, bare calls") { benchmark in
    let file = bare_open_ledger(ledger + ".bare")
    defer { unlink(ledger + ".bare") }
    var last: UInt16 = 9999
    benchmark.startMeasurement()
    for _ in benchmark.scaledIterations {
      last = bare_pick(file, ledger + ".bare", last % 50000 + 9999)
    }
    benchmark.stopMeasurement()
    close(file)
  }

  Benchmark("pick and return") { benchmark in
    setenv("PORTPICKER_LEDGER", ledger, 1)
    for _ in benchmark.scaledIterations {
      let port: Int = try pickUnusedPort(options: options)
      try returnPort(port)
    }
  }

  Benchmark("isPortFree, bare calls") { benchmark in
    for _ in benchmark.scaledIterations { blackHole(bare_is_free(23456)) }
  }

  Benchmark("isPortFree") { benchmark in
    for _ in benchmark.scaledIterations {
      blackHole(try isPortFree(23456))
    }
  }

  Benchmark("the kernel's bind(0)") { benchmark in
    for _ in benchmark.scaledIterations { blackHole(bare_bind_any()) }
  }
}
