import KafkaClient
import KafkaWire
import NIOCore
import Synchronization
import Testing

/// Beginning again at the bootstrap servers (KIP-899, KIP-1102).
@Suite struct RebootstrapTests {
    /// A bootstrap server that names one broker, then another, and hangs up behind each answer.
    private func bootstrap(_ brokers: [HostAndPort]) async throws -> FakeBroker {
        let questions = Mutex(0)
        return try await FakeBroker { request in
            guard request.header.apiKey == .metadata else {
                return [try request.versions([.apiVersions: 0...3, .metadata: 4...13])]
            }
            let number = questions.withLock { questions in
                questions += 1
                return questions
            }
            return [try request.metadata([1: brokers[min(number, brokers.count) - 1]]), .close]
        }
    }

    /// A broker whose answers to questions for metadata are all the same error.
    private func refusing(_ code: ErrorCode) async throws -> FakeBroker {
        try await FakeBroker { request in
            guard request.header.apiKey == .metadata else {
                return [try request.versions([.apiVersions: 0...3, .metadata: 4...13])]
            }
            var response = MetadataResponse()
            response.errorCode = code
            return [try request.reply(response)]
        }
    }

    @Test func `a broker that asks for it is left, and the bootstrap servers tell where the cluster is now`()
        async throws
    {
        let old = try await refusing(.rebootstrapRequired)
        let new = try await FakeBroker.ordinary()
        let bootstrap = try await bootstrap([old.address, new.address])
        try await withClient(of: [bootstrap.address]) { client in
            let first = try await client.metadata(.none)
            #expect(first.brokers[1]?.address == old.address)

            let second = try await client.metadata(.none)

            #expect(second.brokers[1]?.address == new.address)
        }
        #expect(old.requests(of: .metadata).count == 1)
        for broker in [old, new, bootstrap] { try await broker.stop() }
    }

    @Test func `a broker that is another one than was meant says so before anything else is sent to it`() async throws {
        let offered: [ApiKey: ClosedRange<Int16>] = [.apiVersions: 0...5, .metadata: 4...13]
        let meant = Mutex<[ApiVersionsRequest]>([])
        let old = try await FakeBroker { request in
            guard request.header.apiKey == .apiVersions, request.header.apiVersion == 5 else {
                return [try request.versions(offered)]
            }
            let asked = try request.decode(ApiVersionsRequest.self)
            meant.withLock { $0.append(asked) }
            var response = ApiVersionsResponse()
            response.errorCode = .rebootstrapRequired
            return [try request.reply(response)]
        }
        let new = try await FakeBroker.ordinary(versions: offered)
        let bootstrap = try await bootstrap([old.address, new.address])
        try await withClient(of: [bootstrap.address]) { client in
            let known = try await client.metadata(.none).clusterID
            let error = try await kafkaError { _ = try await client.send(MetadataRequest(), to: .broker(1)) }
            #expect(error.code == .rebootstrapRequired)
            #expect(error.broker?.id == 1)
            #expect(meant.withLock { $0.map(\.nodeID) } == [1])
            #expect(meant.withLock { $0.map(\.clusterID) } == [known])

            #expect(try await client.metadata(.none).brokers[1]?.address == new.address)
        }
        #expect(old.requests(of: .metadata).isEmpty)
        for broker in [old, new, bootstrap] { try await broker.stop() }
    }

    @Test func `known brokers that do not tell who the brokers are are forgotten after a time`() async throws {
        let old = try await refusing(.notController)
        let new = try await FakeBroker.ordinary()
        let bootstrap = try await bootstrap([old.address, new.address])
        try await withClient(of: [bootstrap.address]) {
            $0.rebootstrapTrigger = .zero
        } _: { client in
            _ = try await client.metadata(.none)
            let error = try await kafkaError { _ = try await client.metadata(.none) }
            #expect(error.code == .notController)

            #expect(try await client.metadata(.none).brokers[1]?.address == new.address)
        }
        for broker in [old, new, bootstrap] { try await broker.stop() }
    }

    @Test func `until then they are asked again`() async throws {
        let old = try await refusing(.notController)
        let bootstrap = try await bootstrap([old.address])
        try await withClient(of: [bootstrap.address]) { client in
            _ = try await client.metadata(.none)
            for _ in 0..<2 { _ = try await kafkaError { _ = try await client.metadata(.none) } }
        }
        #expect(bootstrap.requests(of: .metadata).count == 1)
        for broker in [old, bootstrap] { try await broker.stop() }
    }
}
