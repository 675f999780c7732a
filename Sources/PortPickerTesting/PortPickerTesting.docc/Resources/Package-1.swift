// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "counter",
  dependencies: [
    .package(path: "../swift-portpicker")
  ],
  targets: [
    .testTarget(
      name: "CounterTests",
      dependencies: [
        .product(name: "PortPickerTesting", package: "swift-portpicker")
      ])
  ]
)
