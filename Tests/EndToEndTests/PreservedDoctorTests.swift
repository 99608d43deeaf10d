import KafkaBroker
import KafkaClient
import KafkaWire
import Replication
import ReplicationTools
import Testing

/// Findings of `doctor` about `offsets: preserve`.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PreservedDoctorTests {
    private static let authorizer = [
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
    ]

    private static func findings(
        _ world: Replicated, check: String, probes: Bool = false, offsets: OffsetChoice = .preserve
    ) async throws -> [Finding] {
        try await world.diagnosis(probes: probes) { $0.offsets = offsets }.findings.filter { $0.check == check }
    }

    @Test func `others who may write to the copies are named, with what takes that away`() async throws {
        try await Replicated.run(targetProperties: Self.authorizer) { world in
            try await world.createTopic("orders")
            #expect(try await Self.findings(world, check: "writers").map(\.severity) == [.ok])
            let rules = [
                AccessRule(.allow, .write, on: .topic, "east.orders", to: "User:app"),
                AccessRule(.allow, .all, on: .topic, "east.", pattern: .prefixed, to: "User:wide"),
                AccessRule(.allow, .write, on: .topic, "*", to: "User:denied"),
                AccessRule(.deny, .write, on: .topic, "east.orders", to: "User:denied"),
                AccessRule(.allow, .write, on: .topic, "east.orders", to: "User:ANONYMOUS"),
            ]
            for (_, outcome) in await world.targetClient.createAccessRules(rules) { try outcome.get() }

            let found = try await Self.findings(world, check: "writers")

            #expect(found.map(\.subject) == ["User:app", "User:wide"])
            #expect(
                found.allSatisfy { $0.severity == .warning && $0.what.contains("may write to east.orders on west") })
            #expect(found.first?.remedy.contains("--remove --allow-principal 'User:app' --operation Write") == true)
            #expect(found.last?.remedy.contains("--add --deny-principal 'User:wide' --operation Write") == true)
            #expect(try await Self.findings(world, check: "writers", offsets: .translate) == [])
        }
    }

    @Test func `a copy whose cleanup policy may not be read is named`() async throws {
        try await Replicated.run(targetProperties: Self.authorizer) { world in
            try await world.createTopic("orders")
            try await world.running(try world.flow { $0.offsets = .preserve }) {
                try await eventually("the copy") {
                    try await world.targetClient.metadata(.all).topics["east.orders"] != nil
                }
            }
            let rules = [
                AccessRule(.allow, .all, on: .topic, "*", to: "User:ANONYMOUS"),
                AccessRule(.deny, .describeConfigs, on: .topic, "east.orders", to: "User:ANONYMOUS"),
            ]
            for (_, outcome) in await world.targetClient.createAccessRules(rules) { try outcome.get() }
            func severities(_ offsets: OffsetChoice) async throws -> [Finding.Severity] {
                try await world.diagnosis { $0.offsets = offsets }.findings
                    .filter { $0.what.contains("lacks DESCRIBE_CONFIGS") }.map(\.severity)
            }
            #expect(try await severities(.preserve) == [.error])
            #expect(try await severities(.translate) == [.warning])
        }
    }

    @Test func `without an authorizer everybody may write`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let found = try await Self.findings(world, check: "writers")

            #expect(found.map(\.severity) == [.warning])
            #expect(found.first?.what.contains("no authorizer") == true)
        }
    }

    @Test(arguments: [
        (ErrorCode.clusterAuthorizationFailed, "lacks ALTER on the cluster of west"),
        (.invalidTopicException, "as diskless topics do"),
    ])
    func `a target that refuses markers is told by the probe`(code: ErrorCode, words: String) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            world.target.intercept(.writeTxnMarkers, times: .max, .error(code))
            let found = try await Self.findings(world, check: "fidelity", probes: true)

            let refusal = try #require(found.first { $0.severity == .error })
            #expect(refusal.what.contains("refuses markers"))
            #expect(refusal.what.contains(words))
        }
    }

    @Test func `a target that takes markers and gives out offsets in order passes the probe`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            #expect(try await Self.findings(world, check: "fidelity", probes: true).allSatisfy { $0.severity == .ok })
        }
    }
}
