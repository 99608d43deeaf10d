import ClusterTestSupport
import KafkaBroker
import KafkaWire
import Logging
import NIOCore
import Testing

/// What a broker says it speaks, and that it does.
@Suite(.timeLimit(.minutes(1))) struct ServedVersionsTests {
    @Test(arguments: Int16(0)...4)
    func `ApiVersions lists every API in every version of itself`(version: Int16) async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                var request = ApiVersionsRequest()
                request.clientSoftwareName = "test"
                request.clientSoftwareVersion = "1.0"

                let response = try await connection.send(request, version: version)

                #expect(response.errorCode == .none)
                #expect(response.apiKeys.contains { $0.apiKey == ApiKey.produce.rawValue && $0.maxVersion >= 9 })
                #expect(response.apiKeys.contains { $0.apiKey == ApiKey.apiVersions.rawValue })
                #expect(response.apiKeys.contains { $0.apiKey == ApiKey.consumerGroupHeartbeat.rawValue })
                // ShareFetch: nothing is delivered to share groups.
                #expect(!response.apiKeys.contains { $0.apiKey == 78 })
            }
        }
    }

    @Test func `an unknown version of ApiVersions is answered in version 0 with the known ones`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                var frame = ByteBuffer()
                frame.writeMultipleIntegers(Int32(13), ApiKey.apiVersions.rawValue, Int16(99), Int32(7), Int16(-1))
                frame.writeMultipleIntegers(UInt8(0), UInt8(0), UInt8(0))

                var answer = try await connection.exchange(frame)

                #expect(try ResponseHeader.decodeCorrelationID(from: &answer) == 7)
                let response = try ApiVersionsResponse.decodeFrame(answer, version: 0)
                #expect(response.errorCode == .unsupportedVersion)
                #expect(response.apiKeys.map(\.maxVersion) == [4])
            }
        }
    }

    /// The cluster and node that a client takes the broker for, and the answer (KIP-1242).
    @Test(
        arguments: [
            (nil, -1, ErrorCode.none), ("own", -1, .none), ("own", 2, .none), (nil, 2, .none),
            ("own", 1, .rebootstrapRequired),
            ("another", 2, .rebootstrapRequired), ("another", -1, .rebootstrapRequired),
        ] as [(String?, Int32, ErrorCode)])
    func `a broker says when it is not the one that is meant`(
        cluster meant: String?, node: Int32, expected: ErrorCode
    ) async throws {
        try await withCluster(nodes: 2, properties: ["unstable.api.versions.enable": "true"]) { cluster in
            try await RawConnection.open(port: cluster.ports[1]) { connection in
                var request = ApiVersionsRequest()
                request.clientSoftwareName = "test"
                request.clientSoftwareVersion = "1.0"
                request.clusterID = meant.map { $0 == "own" ? cluster.clusterID : $0 }
                request.nodeID = node

                let response = try await connection.send(request, version: 5)

                #expect(response.errorCode == expected)
            }
        }
    }

    /// Versions of each release, as its own broker tells them: some that came, some that went, some that stayed.
    @Test(arguments: [
        (
            BrokerRelease.kafka38,
            [0: "0-11", 1: "0-16", 2: "0-8", 3: "0-12", 18: "0-3", 26: "0-4", 28: "0-4", 66: "0-1"]
        ),
        (.kafka40, [0: "0-12", 1: "4-17", 2: "1-10", 8: "2-9", 9: "1-9", 11: "2-9", 18: "0-4", 26: "0-5", 28: "0-5"]),
        (.kafka41, [0: "0-13", 1: "4-18", 2: "1-10", 11: "0-9", 27: "1-1", 45: "0-1", 66: "0-2"]),
        (.kafka42, [0: "0-13", 2: "1-11", 8: "2-10", 9: "1-10", 27: "1-2", 35: "1-4", 60: "0-2"]),
        (.kafka43, [0: "0-13", 1: "4-18", 19: "2-7", 22: "0-5", 27: "1-2", 32: "1-4", 35: "1-5", 75: "0-0"]),
    ])
    func `a release is told by its versions`(release: BrokerRelease, expected: [Int16: String]) async throws {
        try await withBroker(of: release) { connection async throws in
            let advertised = try await connection.send(ApiVersionsRequest(), version: 0).apiKeys
            let told = Dictionary(
                uniqueKeysWithValues: advertised.map { ($0.apiKey, "\($0.minVersion)-\($0.maxVersion)") })

            for (api, versions) in expected { #expect(told[api] == versions, "\(ApiKey(rawValue: api))") }
        }
    }

    @Test(
        arguments: [
            (BrokerRelease.kafka38, ["metadata.version": 20]),
            (.kafka40, ["metadata.version": 25, "transaction.version": 2, "group.version": 1]),
            (.kafka42, ["metadata.version": 29, "transaction.version": 2, "group.version": 1]),
            (.kafka43, ["metadata.version": 30, "transaction.version": 2, "group.version": 1]),
        ] as [(BrokerRelease, [String: Int16])])
    func `a release is told by its features`(release: BrokerRelease, levels: [String: Int16]) async throws {
        try await withBroker(of: release) { connection async throws in
            var request = ApiVersionsRequest()
            request.clientSoftwareName = "test"
            request.clientSoftwareVersion = "1"
            let old = try await connection.send(request, version: 3)

            #expect(old.finalizedFeaturesEpoch == 0)
            let finalized = old.finalizedFeatures.map { ($0.name, $0.maxVersionLevel) }
            #expect(Dictionary(uniqueKeysWithValues: finalized) == levels)
            #expect(old.supportedFeatures.map(\.name) == ["metadata.version"], "a lowest level of 0 is for version 4")
            guard release > .kafka38 else { return }
            let new = try await connection.send(request, version: 4)
            let supported = Dictionary(uniqueKeysWithValues: new.supportedFeatures.map { ($0.name, $0) })
            #expect(supported["transaction.version"].map { [$0.minVersion, $0.maxVersion] } == [0, 2])
            #expect(supported["share.version"] == nil || release > .kafka40)
            #expect(supported["streams.version"] == nil || release > .kafka41)
        }
    }

    /// READ, DELETE and DESCRIBE; from 4.0 on also DESCRIBE_CONFIGS and ALTER_CONFIGS.
    @Test(arguments: [(BrokerRelease.kafka38, Int32(0b1_0100_1000)), (.newest, 0b1101_0100_1000)])
    func `what may be done with a group is what the release knows`(release: BrokerRelease, bits: Int32) async throws {
        try await withBroker(of: release) { connection async throws in
            try await connection.findGroup("g")
            var request = DescribeGroupsRequest()
            request.groups = ["g"]
            request.includeAuthorizedOperations = true

            #expect(try await connection.send(request, version: 5).groups.map(\.authorizedOperations) == [bits])
        }
    }

    @Test func `a version that is told for old clients only closes the connection`() async throws {
        try await withBroker(of: .newest) { connection async throws -> Void in
            _ = await #expect(throws: RawConnection.Failure.closed) {
                try await connection.send(ProduceRequest(), version: 2)
            }
        }
        try await withBroker(of: .kafka38) { connection async throws -> Void in
            var request = ProduceRequest()
            request.acks = 1
            #expect(try await connection.send(request, version: 2).responses.isEmpty)
        }
    }

    private func withBroker(
        of release: BrokerRelease, _ body: (RawConnection) async throws -> Void
    ) async throws {
        try await withCluster(release: release) { cluster in
            try await RawConnection.open(port: cluster.ports[0], body)
        }
    }

    @Test func `an earlier release is told by what it does not serve`() async throws {
        let limits: [ApiKey: Int16] = [.incrementalAlterConfigs: -1, .metadata: 7, .produce: 32_000]
        let quiet = Logger(label: "test cluster") { _ in SwiftLogNoOpLogHandler() }
        let cluster = try await EmbeddedCluster.start(BrokerSettings(newestVersions: limits, logger: quiet))
        try await RawConnection.open(port: cluster.ports[0]) { connection in
            let advertised = try await connection.send(ApiVersionsRequest(), version: 0).apiKeys
            let newest = Dictionary(
                uniqueKeysWithValues: advertised.map { (ApiKey(rawValue: $0.apiKey), $0.maxVersion) })

            #expect(newest[.incrementalAlterConfigs] == nil)
            #expect(newest[.metadata] == 7)
            #expect(newest[.produce] == ProduceRequest.versions.range.upperBound)
            #expect(try await connection.send(MetadataRequest(), version: 7).errorCode == .none)
        }
        try await RawConnection.open(port: cluster.ports[0]) { connection async throws -> Void in
            _ = await #expect(throws: RawConnection.Failure.closed) {
                try await connection.send(MetadataRequest(), version: 8)
            }
        }
        await cluster.shutdown()
    }

    @Test func `software names that are none are refused`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws in
                var request = ApiVersionsRequest()
                request.clientSoftwareName = "bad name!"
                request.clientSoftwareVersion = "1"

                #expect(try await connection.send(request, version: 3).errorCode == .invalidRequest)
            }
        }
    }

    @Test(arguments: BrokerRelease.allCases)
    func `every advertised version of every API is answered`(release: BrokerRelease) async throws {
        try await withBroker(of: release) { connection async throws in
            let advertised = try await connection.send(ApiVersionsRequest(), version: 0).apiKeys
            for request in ApiKey.definedRequests {
                guard let entry = advertised.first(where: { $0.apiKey == request.apiKey.rawValue }) else { continue }
                // Those are told for old clients, and close the connection.
                let isTold = request.apiKey == .produce && release >= .kafka40
                for version in (isTold ? 3 : entry.minVersion)...entry.maxVersion {
                    try await answer(request, version, connection)
                }
            }
        }
    }

    private func answer<Request: KafkaRequest>(
        _ type: Request.Type, _ version: Int16, _ connection: RawConnection
    ) async throws {
        var request = Request()
        // Without acknowledgement there would be no answer.
        if var produce = request as? ProduceRequest {
            produce.acks = 1
            if let same = produce as? Request { request = same }
        }
        _ = try await connection.send(request, version: version)
    }
}
