// swift-tools-version: 6.2

// A separate package, so that packages that use the library do not resolve its
// dependencies.

import PackageDescription

let package = Package(
  name: "swift-portpicker-nio-example",
  dependencies: [
    .package(name: "swift-portpicker", path: "../.."),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  ],
  targets: [
    .executableTarget(
      name: "NIOServer",
      dependencies: [
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "PortPicker", package: "swift-portpicker"),
      ])
  ],
  swiftLanguageModes: [.v6]
)
