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

    @Test func `every advertised version of every API is answered`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let advertised = try await connection.send(ApiVersionsRequest(), version: 0).apiKeys
                for request in ApiKey.definedRequests {
                    guard let entry = advertised.first(where: { $0.apiKey == request.apiKey.rawValue }) else {
                        continue
                    }
                    for version in entry.minVersion...entry.maxVersion {
                        try await answer(request, version, connection)
                    }
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
