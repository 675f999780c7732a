// swift-tools-version: 6.2

// A separate package, so that packages that use the library do not resolve its
// dependencies.

import PackageDescription

let package = Package(
  name: "swift-portpicker-examples",
  dependencies: [
    .package(name: "swift-portpicker", path: ".."),
    .package(
      url: "https://github.com/hummingbird-project/hummingbird",
      from: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  ],
  targets: [
    // A Hummingbird app, in the process of its tests.
    .target(
      name: "Greeter",
      dependencies: [
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ]),
    .testTarget(
      name: "GreeterTests",
      dependencies: [
        "Greeter",
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "PortPicker", package: "swift-portpicker"),
      ]),

    // A SwiftNIO server, in the process of its tests.
    .target(
      name: "EchoServer",
      dependencies: [
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ]),
    .testTarget(
      name: "EchoServerTests",
      dependencies: [
        "EchoServer", "echo-server",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "PortPicker", package: "swift-portpicker"),
        .product(name: "PortPickerTesting", package: "swift-portpicker"),
      ]),

    // The same server as a command-line tool, in a process of its own.
    .executableTarget(name: "echo-server", dependencies: ["EchoServer"]),

    // A suite that starts Redis: the last step of the tutorial.
    .testTarget(
      name: "CounterTests",
      dependencies: [
        .product(name: "PortPickerTesting", package: "swift-portpicker")
      ]),
  ],
  swiftLanguageModes: [.v6]
)
