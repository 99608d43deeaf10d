import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Brokers that come and go, as the client sees them.
@Suite struct ClusterClientTests {
    /// An address where nothing listens. Not a port that was free a moment ago: another test may have it by now.
    private let dead = HostAndPort(host: "127.0.0.1", port: 1)

    @Test func `a bootstrap server that is down does not matter while another is up`() async throws {
        let broker = try await FakeBroker.ordinary()
        for _ in 0..<4 {
            let metadata = try await withClient(of: [dead, broker.address]) { try await $0.metadata(.none) }
            #expect(metadata.clusterID == "fake-cluster")
            #expect(metadata.brokers[1]?.address == broker.address)
        }
        try await broker.stop()
    }

    @Test func `a refused connection says where and what to check`() async throws {
        let error = try await withClient(of: [dead]) { client in
            try await kafkaError { _ = try await client.metadata(.none) }
        }
        #expect(
            error.description
                == "east: connecting at \(dead): connection refused: nothing listens there; check host, port and that the broker runs"
        )
        #expect(error.isRetriable)
    }

    @Test func `a host name without address says so`() async throws {
        let nowhere = HostAndPort(host: "no-such-host.invalid", port: 9092)
        let error = try await withClient(of: [nowhere]) { client in
            try await kafkaError { _ = try await client.metadata(.none) }
        }
        guard case .connection(.nameNotResolved(host: "no-such-host.invalid", _)) = error.reason else {
            Issue.record("\(error)")
            return
        }
        #expect(error.description.contains("host name \"no-such-host.invalid\" cannot be resolved"))
    }

    @Test func `a broker that accepts and says nothing is given up in time`() async throws {
        let broker = try await FakeBroker { _ in [] }
        let error = try await withClient(of: [broker.address]) {
            $0.connectTimeout = .milliseconds(50)
        } _: { client in
            try await kafkaError { _ = try await client.metadata(.none) }
        }
        #expect(error.reason == .connection(.connectTimedOut(after: .milliseconds(50))))
        try await broker.stop()
    }

    @Test func `when brokers fail for different reasons each is named`() async throws {
        let deaf = try await FakeBroker { _ in [] }
        let error = try await withClient(of: [dead, deaf.address]) {
            $0.connectTimeout = .milliseconds(50)
        } _: { client in
            try await kafkaError { _ = try await client.metadata(.none) }
        }
        guard case .connection(.noBrokerReachable(let reasons)) = error.reason else {
            Issue.record("\(error)")
            return
        }
        #expect(reasons.count == 2)
        #expect(reasons.contains { $0.hasPrefix("\(dead): connection refused") })
        #expect(reasons.contains { $0.hasPrefix("\(deaf.address): no connection within 0.05 seconds") })
        try await deaf.stop()
    }

    @Test func `when all known brokers are gone the bootstrap servers are asked again`() async throws {
        let address = dead
        let questions = Mutex(0)
        let bootstrap = try await FakeBroker { request in
            switch request.header.apiKey {
            case .apiVersions: return [try request.versions()]
            default:
                // The first connection answers once.
                let number = questions.withLock { questions in
                    questions += 1
                    return questions
                }
                return number == 2 ? [.close] : [try request.metadata([1: address], controller: 1)]
            }
        }
        try await withClient(of: [bootstrap.address]) { client in
            _ = try await client.metadata(.none)
            let metadata = try await client.metadata(.none)
            #expect(metadata.brokers[1]?.address == address)
        }
        #expect(bootstrap.connections == 2)
        try await bootstrap.stop()
    }

    @Test func `calls at the same time share one question`() async throws {
        let broker = try await FakeBroker.ordinary(topics: ["orders": [1]])
        try await withClient(of: [broker.address]) { client in
            try await withThrowingTaskGroup(of: ClusterMetadata.self) { group in
                for _ in 0..<20 { group.addTask { try await client.metadata(.all, allowingAge: .seconds(60)) } }
                for try await metadata in group { #expect(metadata.topics["orders"]?.partitions.count == 1) }
            }
        }
        #expect(broker.requests(of: .metadata).count == 1)
        #expect(broker.connections == 1)
        try await broker.stop()
    }

    @Test func `reports about the same generation lead to one question`() async throws {
        let broker = try await FakeBroker.ordinary(topics: ["orders": [1]])
        try await withClient(of: [broker.address]) { client in
            let stale = try await client.metadata(.all)
            for _ in 0..<10 {
                await client.invalidateMetadata(generation: stale.generation)
                _ = try await client.metadata(.all, allowingAge: .seconds(60))
            }
        }
        #expect(broker.requests(of: .metadata).count == 2)
        try await broker.stop()
    }

    @Test func `asking for a topic does not create it`() async throws {
        let broker = try await FakeBroker.ordinary()
        let metadata = try await withClient(of: [broker.address]) { try await $0.metadata(.named(["ghost"])) }

        #expect(metadata.topics["ghost"]?.error == .unknownTopicOrPartition)
        let request = try #require(broker.requests(of: .metadata).first)
        #expect(try request.decode(MetadataRequest.self).allowAutoTopicCreation == false)
        try await broker.stop()
    }

    @Test func `a broker that metadata does not name is unknown`() async throws {
        let broker = try await FakeBroker.ordinary()
        let error = try await withClient(of: [broker.address]) { client in
            try await kafkaError { _ = try await client.connection(to: 9, purpose: .admin) }
        }
        #expect(error.reason == .connection(.unknownBroker(9)))
        try await broker.stop()
    }

    @Test func `who opens a connection may be cancelled without harm to who waits for it`() async throws {
        let broker = try await FakeBroker.ordinary()
        try await withClient(of: [broker.address]) { client in
            _ = try await client.metadata(.none)
            let first = Task { try await client.connection(to: 1, purpose: .fetch(0)) }
            let second = Task { try await client.connection(to: 1, purpose: .fetch(0)) }
            first.cancel()

            #expect(await (try second.value).isOpen)
            _ = await first.result
        }
        try await broker.stop()
    }

    @Test func `a coordinator is found once, and again when it has moved`() async throws {
        let second = try await FakeBroker { request in
            switch request.header.apiKey {
            case .apiVersions: [try request.versions()]
            default: [try request.offsetFetch(.none)]
            }
        }
        let questions = Mutex(0)
        let first = try await FakeBroker { request in
            switch request.header.apiKey {
            case .apiVersions: return [try request.versions()]
            case .findCoordinator:
                let hasMoved = questions.withLock { $0 } > 1
                return [try request.coordinator(hasMoved ? 2 : 1, hasMoved ? second.address : request.server)]
            case .offsetFetch:
                // The second question finds that the coordinator has moved.
                let number = questions.withLock { questions in
                    questions += 1
                    return questions
                }
                return [try request.offsetFetch(number == 1 ? .none : .notCoordinator)]
            default:
                return [try request.metadata([1: request.server, 2: second.address])]
            }
        }
        try await withClient(of: [first.address]) { client in
            _ = try await client.committedOffsets(of: "g")
            _ = try await client.committedOffsets(of: "g")
        }
        #expect(first.requests(of: .findCoordinator).count == 2)
        #expect(first.requests(of: .offsetFetch).count == 2)
        #expect(second.requests(of: .offsetFetch).count == 1)
        try await first.stop()
        try await second.stop()
    }
}

extension FakeBroker.Request {
    func coordinator(_ node: Int32, _ address: HostAndPort) throws -> FakeBroker.Action {
        var coordinator = FindCoordinatorResponse.Coordinator()
        coordinator.key = "g"
        coordinator.nodeID = node
        coordinator.host = address.host
        coordinator.port = Int32(address.port)
        var response = FindCoordinatorResponse()
        response.coordinators = [coordinator]
        return try reply(response)
    }

    func offsetFetch(_ code: ErrorCode) throws -> FakeBroker.Action {
        var group = OffsetFetchResponse.OffsetFetchResponseGroup()
        group.groupID = "g"
        group.errorCode = code
        var response = OffsetFetchResponse()
        response.groups = [group]
        return try reply(response)
    }
}
