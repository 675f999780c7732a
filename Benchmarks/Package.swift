// swift-tools-version: 6.2

// A package of its own, so that who uses the library resolves nothing of it.

import PackageDescription

let package = Package(
  name: "swift-portpicker-benchmarks",
  platforms: [.macOS(.v13)],
  dependencies: [
    .package(name: "swift-portpicker", path: ".."),
    .package(
      url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    // The bare system calls: what cannot be done without. The programs in C are
    // built by scripts/bench, lest they are linked to Swift's libraries.
    .target(name: "BareCalls", path: "Sources/BareCalls"),
    // Picks in several processes at once, as bare-picks makes them.
    .executableTarget(
      name: "picks",
      dependencies: [
        .product(name: "PortPicker", package: "swift-portpicker")
      ]),
    .executableTarget(
      name: "InProcess",
      dependencies: [
        "BareCalls",
        .product(name: "Benchmark", package: "benchmark"),
        .product(name: "PortPicker", package: "swift-portpicker"),
      ],
      path: "Benchmarks/InProcess",
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
  ],
  swiftLanguageModes: [.v6]
)
