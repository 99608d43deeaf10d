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
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

func systemLibrary(_ name: String, pkgConfig: String, package: String) -> Target {
    .systemLibrary(name: name, path: "Sources/System/\(name)", pkgConfig: pkgConfig, providers: [.apt([package])])
}

func target(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
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
    // Up to the next minor version only: the file that would pin them exactly is made anew on every machine.
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", .upToNextMinor(from: "2.101.2")),
        .package(url: "https://github.com/apple/swift-nio-ssl", .upToNextMinor(from: "2.37.6")),
        .package(url: "https://github.com/apple/swift-log", .upToNextMinor(from: "1.16.2")),
        .package(url: "https://github.com/apple/swift-metrics", .upToNextMinor(from: "2.13.0")),
        .package(url: "https://github.com/apple/swift-collections", .upToNextMinor(from: "1.6.0")),
        .package(url: "https://github.com/apple/swift-http-types", .upToNextMinor(from: "1.8.0")),
        .package(url: "https://github.com/apple/swift-argument-parser", .upToNextMinor(from: "1.8.2")),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", .upToNextMinor(from: "2.13.0")),
        .package(url: "https://github.com/hummingbird-project/hummingbird", .upToNextMinor(from: "2.28.1"), traits: []),
        .package(url: "https://github.com/jpsim/Yams", .upToNextMinor(from: "6.2.2")),
    ],
    targets: [
        systemLibrary("CLZ4", pkgConfig: "liblz4", package: "liblz4-dev"),
        systemLibrary("CZstd", pkgConfig: "libzstd", package: "libzstd-dev"),
        systemLibrary("CSnappy", pkgConfig: "snappy", package: "libsnappy-dev"),
        systemLibrary("CDeflate", pkgConfig: "libdeflate", package: "libdeflate-dev"),
        systemLibrary("CISAL", pkgConfig: "libisal", package: "libisal-dev"),
        systemLibrary("CCrypto", pkgConfig: "libcrypto", package: "libssl-dev"),
        systemLibrary("CPCRE2", pkgConfig: "libpcre2-8", package: "libpcre2-dev"),

        .target(name: "CEarlySignals", path: "Sources/System/CEarlySignals"),
        .target(name: "CMemory", path: "Sources/System/CMemory"),

        target("CryptoPrimitives", ["CCrypto"]),
        target("BoundedExpressions", ["CPCRE2"]),
        target("PlainText", []),
        target("TerminalText", []),
        target("ForeignErrors", [nioCore, nioPosix, nioSSL]),
        target("KafkaWire", [nioCore, "CISAL"]),
        target("KafkaCompression", ["KafkaWire", nioCore, "CLZ4", "CZstd", "CSnappy", "CDeflate"]),
        target(
            "KafkaClient",
            [
                "KafkaWire", "KafkaCompression", nioCore, nioPosix, nioSSL, nioHTTP1, logging, metrics, deque,
                "CryptoPrimitives", "ForeignErrors", "PlainText", "CCrypto",
            ]),
        target(
            "KafkaBroker",
            [
                "KafkaWire", "KafkaCompression", nioCore, nioPosix, nioSSL, logging, deque, "CryptoPrimitives",
                "BoundedExpressions", "ForeignErrors", "CCrypto",
            ]),
        target(
            "Replication",
            [
                "KafkaClient", "KafkaWire", "KafkaCompression", "BoundedExpressions", "PlainText", nioCore, metrics,
                logging,
                lifecycle, deque,
            ]),
        target(
            "ReplicationTools",
            [
                "Replication", "KafkaClient", "KafkaWire", "KafkaCompression", "BoundedExpressions", "PlainText",
                nioCore,
                logging, deque,
            ]),
        target("ReplicatorConfig", ["Replication", "KafkaClient", "KafkaWire", "PlainText", yams]),
        target(
            "Observability",
            [
                "CryptoPrimitives", "PlainText", coreMetrics, httpTypes, logging, lifecycle, hummingbird,
                hummingbirdCore, deque,
                nioCore, nioHTTP1, nioSSL,
            ],
            // Embedded: the program needs no files beside it.
            resources: ["page.html", "page.css", "plots.js", "map.js", "flows.js", "live.js"].map {
                .embedInCode("Page/\($0)")
            }),
        target(
            "ReplicatorDaemon",
            [
                "ReplicatorConfig", "Observability", "Replication", "KafkaClient", "PlainText", "ForeignErrors",
                "CryptoPrimitives", logging, metrics, lifecycle, unixSignals, nioCore, nioHTTP1, nioPosix, nioSSL,
            ]),
        .executableTarget(
            name: "replicator",
            dependencies: [
                "ReplicatorDaemon", "ReplicatorConfig", "Observability", "ReplicationTools", "Replication",
                "KafkaClient", "KafkaBroker", "KafkaWire", "PlainText", "TerminalText", "CEarlySignals", "CMemory",
                arguments, lifecycle, unixSignals, logging, metrics, nioCore, nioPosix, nioHTTP1, hummingbird,
                httpTypes,
                "ForeignErrors",
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "replicator-bench",
            dependencies: ["Replication", "KafkaClient", "KafkaWire", "KafkaCompression", nioCore],
            swiftSettings: settings),

        // Test support in layers: what tests of messages and codecs need knows nothing of brokers.
        .target(
            name: "TestSupport", dependencies: ["KafkaWire"], path: "Tests/TestSupport", swiftSettings: settings),
        .target(
            name: "ClusterTestSupport", dependencies: ["KafkaBroker", "KafkaWire", nioCore, nioPosix, logging],
            path: "Tests/ClusterTestSupport", swiftSettings: settings),

        // Takes the place of the C library's allocator in tests, and counts for the thread that asks.
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),

        // Pure: these suites run side by side.
        tests(
            "KafkaWireTests", ["KafkaWire", "KafkaCompression", "TestSupport", nioCore], resources: [.copy("Fixtures")]),
        tests(
            "KafkaCompressionTests", ["KafkaCompression", "KafkaWire", "TestSupport", nioCore],
            resources: [.copy("Fixtures")]),
        tests(
            "KafkaClientTests", ["KafkaClient", "KafkaWire", "CryptoPrimitives", "TestSupport", nioCore],
            resources: [.copy("Fixtures")]),
        tests("CryptoPrimitivesTests", ["CryptoPrimitives"]),
        tests("BoundedExpressionsTests", ["BoundedExpressions"]),
        tests("PlainTextTests", ["PlainText"]),
        tests("TerminalTextTests", ["TerminalText"]),
        tests("ForeignErrorsTests", ["ForeignErrors", nioCore, nioPosix, nioSSL]),
        tests("KafkaBrokerTests", ["KafkaBroker", "KafkaWire", "KafkaCompression", "TestSupport", nioCore]),
        tests(
            "ReplicationTests",
            [
                "Replication", "BoundedExpressions", "KafkaClient", "KafkaWire", "KafkaCompression", "TestSupport",
                "AllocationCounter", nioCore, nioPosix,
            ]),
        tests(
            "ReplicationToolsTests",
            ["ReplicationTools", "Replication", "KafkaClient", "KafkaWire", "TestSupport", nioCore]),
        tests(
            "ReplicatorConfigTests", ["ReplicatorConfig", "Replication", "KafkaClient", "KafkaWire", "TestSupport"],
            resources: [.copy("Fixtures")]),
        tests(
            "ReplicatorDaemonTests",
            [
                "ReplicatorDaemon", "ReplicatorConfig", "Observability", "Replication", "KafkaClient", "TestSupport",
                logging,
            ]),
        tests("HouseTests", []),
        tests("ObservabilityTests", ["Observability", "CryptoPrimitives", coreMetrics, httpTypes, logging, nioCore]),

        // With sockets: these run one test at a time. Those that starve each other would prove nothing about time-outs.
        tests(
            "KafkaClientSocketTests",
            [
                "KafkaClient", "KafkaBroker", "KafkaWire", "KafkaCompression", "CryptoPrimitives", "TestSupport",
                "ClusterTestSupport", nioCore, nioPosix, nioSSL, nioHTTP1, logging,
            ]),
        tests(
            "KafkaBrokerSocketTests",
            [
                "KafkaBroker", "KafkaClient", "KafkaWire", "KafkaCompression", "CryptoPrimitives", "TestSupport",
                "ClusterTestSupport", nioCore, logging,
            ]),
        tests(
            "EndToEndTests",
            [
                "replicator", "ReplicationTools", "ReplicatorDaemon", "ReplicatorConfig", "Replication",
                "Observability",
                "KafkaClient", "KafkaBroker", "KafkaWire", "KafkaCompression", "TestSupport",
                "ClusterTestSupport", nioCore, nioPosix,
                logging,
                lifecycle,
            ]),
    ]
)
