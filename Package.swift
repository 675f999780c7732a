// swift-tools-version: 6.2

import PackageDescription

let package = Package(
  name: "swift-portpicker",
  products: [
    .library(name: "PortPicker", targets: ["PortPicker"]),
    .library(name: "PortPickerTesting", targets: ["PortPickerTesting"]),
    .executable(name: "portpicker", targets: ["PortPickerCommand"]),
    .executable(name: "portserver", targets: ["PortServerCommand"]),
    .executable(
      name: "portserver-exporter", targets: ["PortServerExporterCommand"]),
  ],
  dependencies: [
    .package(
      url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    // For the exporter alone.
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    // The layers, lowest first. A target may use only what stands above it in
    // this list; docs/design.md has the picture.
    .target(name: "CHostSystem"),
    .target(
      name: "HostSystem",
      dependencies: [
        "CHostSystem",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(name: "PortProtocol"),
    .target(name: "PortLeasing", dependencies: ["HostSystem"]),
    .target(
      name: "PortLedger",
      dependencies: [
        "HostSystem", "PortLeasing",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(
      name: "PortServerClient",
      dependencies: [
        "HostSystem", "PortProtocol",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(
      name: "PortPicker",
      dependencies: [
        "HostSystem", "PortLeasing", "PortLedger", "PortServerClient",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    // The header of the C library.
    .target(name: "CPortPicker"),
    // The C library; scripts/build-c links it.
    .target(
      name: "PortPickerC",
      dependencies: [
        "CPortPicker", "HostSystem", "PortLeasing", "PortPicker",
        "PortProtocol",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(
      name: "ServerProcesses",
      dependencies: [
        "HostSystem", "PortLeasing",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(
      name: "PortPickerTesting",
      dependencies: [
        "HostSystem", "PortLeasing", "PortPicker", "ServerProcesses",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .executableTarget(
      name: "PortPickerCommand",
      dependencies: [
        "HostSystem", "PortLeasing", "PortLedger", "PortPicker", "PortProtocol",
        "ServerProcesses",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),

    .target(
      name: "PortServer",
      dependencies: [
        "HostSystem", "PortLeasing", "PortLedger", "PortProtocol",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .executableTarget(
      name: "PortServerCommand",
      dependencies: [
        "HostSystem", "PortLeasing", "PortLedger", "PortProtocol", "PortServer",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),

    .target(
      name: "PortServerExporter",
      dependencies: [
        "HostSystem", "PortProtocol", "PortServerClient",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .executableTarget(
      name: "PortServerExporterCommand",
      dependencies: [
        "HostSystem", "PortProtocol", "PortServerClient", "PortServerExporter",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),

    // What tests do that Swift's Glibc does not show: seccomp, ptrace, threads.
    .target(name: "CTestSupport", path: "Tests/CTestSupport"),
    // A load on the daemon that checks its promises from outside.
    .executableTarget(name: "soak", path: "Tests/Soak"),
    // A process that runs itself anew from a thread, over and over.
    .executableTarget(name: "thread-execs", path: "Tests/ThreadExecs"),
    // A server that behaves, or misbehaves, as a test asks.
    .executableTarget(name: "test-server", path: "Tests/TestServer"),
    .target(
      name: "TestSupport",
      dependencies: [
        "CTestSupport", "HostSystem",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Tests/TestSupport"),
    .testTarget(
      name: "HostSystemTests",
      dependencies: [
        "CTestSupport", "HostSystem", "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "PortProtocolTests", dependencies: ["PortProtocol", "TestSupport"]),
    .testTarget(
      name: "PortLeasingTests",
      dependencies: [
        "HostSystem", "PortLeasing", "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "PortLedgerTests",
      dependencies: [
        "CTestSupport", "HostSystem", "PortLeasing", "PortLedger",
        "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "PortServerClientTests",
      dependencies: ["HostSystem", "PortServerClient", "TestSupport"]),
    .testTarget(
      name: "PortPickerTests",
      dependencies: [
        "CTestSupport", "HostSystem", "PortPicker", "PortServerClient",
        "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "ServerProcessesTests",
      dependencies: [
        "CTestSupport", "HostSystem", "PortLeasing", "ServerProcesses",
        "TestSupport", "test-server",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "PortPickerTestingTests",
      dependencies: [
        "HostSystem", "PortPicker", "PortPickerTesting", "TestSupport",
        "test-server",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "PortServerTests",
      dependencies: [
        "CTestSupport", "HostSystem", "PortLeasing", "PortLedger", "PortPicker",
        "PortPickerCommand", "PortServer", "PortServerCommand", "TestSupport",
        "soak",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "PortServerExporterTests",
      dependencies: [
        "HostSystem", "PortServerClient", "PortServerExporter",
        "PortServerCommand", "PortServerExporterCommand", "TestSupport",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      exclude: ["Help"]),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "CTestSupport", "HostSystem", "PortPicker", "PortPickerCommand",
        "PortServerCommand", "TestSupport", "test-server",
      ],
      exclude: ["Help"]),
  ],
  swiftLanguageModes: [.v6]
)

// scripts/build-c builds with this; a plain build need not link the library.
if Context.environment["PORTPICKER_C"] != nil {
  package.products.append(
    .library(name: "portpicker-c", type: .dynamic, targets: ["PortPickerC"]))
}

// scripts/fuzz builds with this; nobody else needs libFuzzer.
if Context.environment["PORTSERVER_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "client-fuzzer",
      dependencies: [
        "HostSystem", "PortLeasing", "PortProtocol", "PortServer",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Fuzz/ClientFuzzer"))
}

for target in package.targets
where !target.name.hasPrefix("C") || target.name.hasSuffix("Tests") {
  target.swiftSettings = [
    // SE-0335: `any` is written out where a type is existential.
    .enableUpcomingFeature("ExistentialAny"),
    // SE-0444: a member is visible only where its module is imported.
    .enableUpcomingFeature("MemberImportVisibility"),
    // SE-0409: an import is internal unless it says otherwise.
    .enableUpcomingFeature("InternalImportsByDefault"),
    // SE-0461: a nonisolated async function runs where its caller runs.
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  ]
  // The `main` is libFuzzer's.
  if target.name == "client-fuzzer" {
    target.swiftSettings?.append(.unsafeFlags(["-parse-as-library"]))
  }
}
