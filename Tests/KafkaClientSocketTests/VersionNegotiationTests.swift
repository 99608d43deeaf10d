import KafkaClient
import KafkaWire
import NIOCore
import Testing

/// How a connection finds out what the broker speaks (KIP-35, KIP-511).
@Suite struct VersionNegotiationTests {
    @Test func `both sides' highest common version is used`() async throws {
        let broker = try await FakeBroker.ordinary(versions: [.listGroups: 1...99, .metadata: 4...8]) { request in
            request.header.apiKey == .listGroups ? [try request.reply(ListGroupsResponse())] : nil
        }
        try await withClient(of: [broker.address]) { client in
            _ = try await client.send(ListGroupsRequest(), to: .any)
            _ = try await client.send(ListGroupsRequest(), to: .any, versions: 0...3)
        }
        #expect(broker.requests(of: .listGroups).map(\.header.apiVersion) == [5, 3])
        #expect(broker.requests(of: .apiVersions).map(\.header.apiVersion) == [3])
        try await broker.stop()
    }

    @Test func `the client says who it is`() async throws {
        let broker = try await FakeBroker.ordinary()
        try await withClient(
            of: [broker.address],
            {
                $0.identity = ClientIdentity(name: "replicator", version: "2.5.1", metricsPrefix: "replicator")
                $0.clientID = "replicator"
            },
            { _ = try await $0.metadata(.none) })

        let request = try #require(broker.requests(of: .apiVersions).first)
        #expect(request.header.clientID == "replicator")
        #expect(try request.decode(ApiVersionsRequest.self).clientSoftwareName == "replicator")
        #expect(try request.decode(ApiVersionsRequest.self).clientSoftwareVersion == "2.5.1")
        try await broker.stop()
    }

    @Test func `a client that nobody has named goes by the library's name`() async throws {
        let broker = try await FakeBroker.ordinary()
        try await withClient(of: [broker.address]) { _ = try await $0.metadata(.none) }

        let request = try #require(broker.requests(of: .apiVersions).first)
        #expect(request.header.clientID == "swift-kafka-client")
        #expect(try request.decode(ApiVersionsRequest.self).clientSoftwareName == "swift-kafka-client")
        try await broker.stop()
    }

    @Test(arguments: [(Int16?.none, Int16(0)), (0, 0), (2, 2), (99, 2)])
    func `error 35 in the form of version 0 names the version to use`(named: Int16?, used: Int16) async throws {
        let broker = try await FakeBroker.ordinary { request in
            guard request.header.apiKey == .apiVersions, request.header.apiVersion > 2 else { return nil }
            var response = ApiVersionsResponse()
            response.errorCode = .unsupportedVersion
            if let named {
                var entry = ApiVersionsResponse.ApiVersion()
                entry.apiKey = ApiKey.apiVersions.rawValue
                entry.maxVersion = named
                response.apiKeys = [entry]
            }
            return [try request.reply(response, version: 0)]
        }
        try await withClient(of: [broker.address]) { _ = try await $0.metadata(.none) }
        #expect(broker.requests(of: .apiVersions).map(\.header.apiVersion) == [3, used])
        #expect(broker.connections == 1)
        try await broker.stop()
    }

    @Test func `error 35 in a form of its own is error 35 all the same`() async throws {
        // As librdkafka's mock cluster writes it.
        let broker = try await FakeBroker.ordinary { request in
            guard request.header.apiKey == .apiVersions, request.header.apiVersion > 2 else { return nil }
            var frame = ByteBuffer()
            let body: [UInt8] = [0, 35, 1, 0, 18, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]
            frame.writeInteger(Int32(4 + body.count))
            frame.writeInteger(request.header.correlationID)
            frame.writeBytes(body)
            return [.write([frame])]
        }
        try await withClient(of: [broker.address]) { _ = try await $0.metadata(.none) }
        #expect(broker.requests(of: .apiVersions).map(\.header.apiVersion) == [3, 0])
        try await broker.stop()
    }

    @Test func `a broker that hangs up on an unknown version is asked again in version 0`() async throws {
        let broker = try await FakeBroker.ordinary { request in
            request.header.apiKey == .apiVersions && request.header.apiVersion > 0 ? [.close] : nil
        }
        try await withClient(of: [broker.address]) { _ = try await $0.metadata(.none) }
        #expect(broker.requests(of: .apiVersions).map(\.header.apiVersion) == [3, 0])
        try await broker.stop()
    }

    @Test func `a request that the broker does not know is refused before it is sent`() async throws {
        let broker = try await FakeBroker.ordinary(versions: [.metadata: 4...8, .fetch: 0...3])
        try await withClient(of: [broker.address]) { client in
            let connection = try await client.connection(to: 1, purpose: .admin)
            let unknown = try await kafkaError { _ = try connection.version(of: ProduceRequest.self) }
            let tooOld = try await kafkaError { _ = try connection.version(of: FetchRequest.self, within: 4...17) }

            #expect(unknown.reason == .unsupported(.produce, needed: 3...13, offered: nil))
            #expect(tooOld.reason == .unsupported(.fetch, needed: 4...17, offered: 0...3))
            #expect(!tooOld.isRetriable)
            #expect(
                tooOld.description
                    == "east: Fetch at broker 1 (\(broker.address)): the broker speaks versions 0-3, but 4-17 is needed; upgrade the broker"
            )
        }
        try await broker.stop()
    }

    @Test func `bytes behind an answer are passed over`() async throws {
        let broker = try await FakeBroker.ordinary { request in
            guard request.header.apiKey == .listGroups,
                case .write(var pieces) = try request.reply(ListGroupsResponse())
            else { return nil }
            pieces[0].setInteger(Int32(pieces[0].readableBytes - 4 + 1), at: 0)
            pieces[0].writeInteger(UInt8(0))
            return [.write(pieces)]
        }
        try await withClient(of: [broker.address]) { _ = try await $0.send(ListGroupsRequest(), to: .any) }
        try await broker.stop()
    }
}
