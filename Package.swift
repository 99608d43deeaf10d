// swift-tools-version: 6.2
import PackageDescription

/// Language features of Swift 6 that every target of ours is written in.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .treatAllWarnings(as: .error),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

func systemLibrary(_ name: String, pkgConfig: String, package: String) -> Target {
    .systemLibrary(name: name, path: "Sources/System/\(name)", pkgConfig: pkgConfig, providers: [.apt([package])])
}

func target(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

let package = Package(
    name: "replicator",
    products: [
        .library(name: "KafkaClient", targets: ["KafkaClient"]),
        .library(name: "KafkaBroker", targets: ["KafkaBroker"]),
        .executable(name: "replicator", targets: ["replicator"]),
        .executable(name: "replicator-bench", targets: ["replicator-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        systemLibrary("CLZ4", pkgConfig: "liblz4", package: "liblz4-dev"),
        systemLibrary("CZstd", pkgConfig: "libzstd", package: "libzstd-dev"),
        systemLibrary("CSnappy", pkgConfig: "snappy", package: "libsnappy-dev"),
        systemLibrary("CDeflate", pkgConfig: "libdeflate", package: "libdeflate-dev"),
        systemLibrary("CISAL", pkgConfig: "libisal", package: "libisal-dev"),
        systemLibrary("CCrypto", pkgConfig: "libcrypto", package: "libssl-dev"),

        target("KafkaWire", [nioCore, "CISAL"]),
        target("KafkaCompression", ["KafkaWire", nioCore, "CLZ4", "CZstd", "CSnappy", "CDeflate"]),
        target(
            "KafkaClient",
            [
                "KafkaWire", "KafkaCompression", nioCore, nioPosix, nioSSL, nioHTTP1, logging, metrics, deque,
                "CCrypto",
            ]),
        target("KafkaBroker", ["KafkaWire", "KafkaCompression", nioCore, nioPosix, nioSSL, logging, deque, "CCrypto"]),
        target(
            "Replication",
            ["KafkaClient", "KafkaWire", "KafkaCompression", nioCore, metrics, logging, lifecycle, deque]),
        target("ReplicatorConfig", ["Replication", "KafkaClient", yams]),
        target("Observability", [coreMetrics, httpTypes, logging, lifecycle, hummingbird, deque, nioCore]),
        .executableTarget(
            name: "replicator",
            dependencies: [
                "ReplicatorConfig", "Observability", "Replication", "KafkaClient", "KafkaBroker", "KafkaWire",
                arguments, lifecycle, unixSignals, logging, metrics, nioCore, nioPosix, nioHTTP1, hummingbird, httpTypes,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "replicator-bench",
            dependencies: [
                "KafkaWire", "KafkaCompression", "KafkaClient", "KafkaBroker", "Replication", arguments, histogram,
                nioCore, nioPosix, logging,
            ],
            swiftSettings: settings),

        .target(
            name: "TestSupport",
            dependencies: [
                "KafkaBroker", "KafkaClient", "KafkaWire", "KafkaCompression", "Replication", nioCore, nioPosix,
                logging,
            ],
            path: "Tests/TestSupport", swiftSettings: settings),
        tests(
            "KafkaWireTests", ["KafkaWire", "KafkaCompression", "TestSupport", nioCore], resources: [.copy("Fixtures")]),
        tests(
            "KafkaCompressionTests", ["KafkaCompression", "KafkaWire", "TestSupport", nioCore],
            resources: [.copy("Fixtures")]),
        tests(
            "KafkaClientTests",
            [
                "KafkaClient", "KafkaWire", "KafkaCompression", "TestSupport", nioCore, nioPosix, nioSSL, nioHTTP1,
                logging,
            ], resources: [.copy("Fixtures")]),
        tests(
            "KafkaBrokerTests",
            ["KafkaBroker", "KafkaClient", "KafkaWire", "KafkaCompression", "TestSupport", nioCore, nioPosix, logging]),
        tests(
            "ReplicationTests",
            ["Replication", "KafkaClient", "KafkaWire", "KafkaCompression", "TestSupport", nioCore, logging]),
        tests("ReplicatorConfigTests", ["ReplicatorConfig", "Replication", "KafkaClient", "KafkaWire"]),
        tests("ObservabilityTests", ["Observability", coreMetrics, logging]),
        tests(
            "EndToEndTests",
            [
                "Replication", "KafkaClient", "KafkaBroker", "KafkaWire", "KafkaCompression", "TestSupport", nioCore,
                nioPosix, logging,
            ]),
    ]
)
