// swift-tools-version: 6.2

// A package of somebody else, which has servers for its tests: scripts/test-servers.

import PackageDescription

let package = Package(
  name: "servers-package",
  dependencies: [.package(name: "swift-portpicker", path: "../..")],
  targets: [
    .testTarget(
      name: "ServersTests",
      dependencies: [
        .product(name: "PortPickerTesting", package: "swift-portpicker")
      ])
  ],
  swiftLanguageModes: [.v6]
)
