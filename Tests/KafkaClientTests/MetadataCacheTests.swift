import KafkaClient
import KafkaWire
import NIOCore
import Testing

/// What metadata is known, how old it is, and which reports about it count.
@Suite struct MetadataCacheTests {
    static func at(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000 * (1000 + seconds)) }

    /// A cluster of brokers 1 and 2; topics as leader and epoch of each partition.
    static func response(
        _ topics: [String: [(leader: Int32, epoch: Int32)]], id: UInt64 = 1, brokers: [Int32] = [1, 2]
    ) -> MetadataResponse {
        var response = MetadataResponse()
        response.clusterID = "c"
        response.controllerID = 1
        response.brokers = brokers.map { number in
            var broker = MetadataResponse.MetadataResponseBroker()
            broker.nodeID = number
            broker.host = "b\(number)"
            broker.port = 9092
            return broker
        }
        response.topics = topics.map { name, partitions in
            var topic = MetadataResponse.MetadataResponseTopic()
            topic.name = name
            topic.topicID = KafkaUUID(high: 0, low: id)
            topic.partitions = partitions.enumerated().map { index, leader in
                var partition = MetadataResponse.MetadataResponsePartition()
                partition.partitionIndex = Int32(index)
                partition.leaderID = leader.leader
                partition.leaderEpoch = leader.epoch
                return partition
            }
            return topic
        }
        return response
    }

    @Test func `an answer is good for the age that the caller allows`() {
        var cache = MetadataCache()
        #expect(!cache.answers(.none, readSince: Self.at(0)))

        cache.apply(Self.response(["orders": [(1, 1)]]), for: .named(["orders"]), at: Self.at(10))

        #expect(cache.answers(.named(["orders"]), readSince: Self.at(10)))
        #expect(!cache.answers(.named(["orders"]), readSince: Self.at(11)))
        #expect(cache.answers(.none, readSince: Self.at(10)))
        #expect(!cache.answers(.named(["orders", "users"]), readSince: Self.at(10)))
        #expect(!cache.answers(.all, readSince: Self.at(10)))
    }

    @Test func `an answer about all topics forgets those that are gone`() {
        var cache = MetadataCache()
        cache.apply(Self.response(["orders": [(1, 1)], "users": [(1, 1)]]), for: .all, at: Self.at(1))
        cache.apply(Self.response(["orders": [(1, 1)]]), for: .named(["orders"]), at: Self.at(2))
        #expect(cache.snapshot.topics.keys.sorted() == ["orders", "users"])

        cache.apply(Self.response(["orders": [(1, 1)]]), for: .all, at: Self.at(3))

        #expect(cache.snapshot.topics.keys.sorted() == ["orders"])
        #expect(cache.answers(.all, readSince: Self.at(3)))
        #expect(cache.snapshot.clusterID == "c")
        #expect(cache.snapshot.brokers[2]?.address == HostAndPort(host: "b2", port: 9092))
    }

    @Test func `a report about an earlier generation does not make the present one stale`() {
        var cache = MetadataCache()
        cache.apply(Self.response([:]), for: .all, at: Self.at(1))
        let first = cache.snapshot.generation

        cache.invalidate(generation: first)
        #expect(!cache.answers(.all, readSince: Self.at(0)))
        cache.apply(Self.response([:]), for: .all, at: Self.at(2))
        cache.invalidate(generation: first)

        #expect(cache.answers(.all, readSince: Self.at(0)))
        #expect(cache.snapshot.generation > first)
    }

    @Test func `a lagging broker does not take back a newer leader`() {
        var cache = MetadataCache()
        cache.apply(Self.response(["orders": [(2, 5)]]), for: .all, at: Self.at(1))
        cache.apply(Self.response(["orders": [(1, 4)]]), for: .all, at: Self.at(2))
        #expect(cache.snapshot.partition("orders", 0)?.leader == 2)

        cache.apply(Self.response(["orders": [(1, 6)]]), for: .all, at: Self.at(3))
        #expect(cache.snapshot.partition("orders", 0)?.leader == 1)
    }

    @Test(arguments: [(1, 2), (0, 0)])
    func `a recreated topic starts its epochs anew`(oldID: UInt64, newID: UInt64) {
        var cache = MetadataCache()
        cache.apply(Self.response(["orders": [(2, 5)]], id: oldID), for: .all, at: Self.at(1))
        cache.apply(Self.response(["orders": [(1, 0)]], id: newID), for: .all, at: Self.at(2))

        #expect(cache.snapshot.partition("orders", 0)?.leader == 1)
    }

    @Test func `a lagging broker does not bring back a topic that was deleted, unless all say so`() {
        var cache = MetadataCache()
        for id: UInt64 in [1, 2, 3] {
            cache.apply(Self.response(["orders": [(1, 0)], "other": [(1, 0)]], id: id), for: .all, at: Self.at(id))
        }
        func present(afterAnswer id: UInt64) -> UInt64? {
            cache.apply(Self.response(["orders": [(2, 7)]], id: id), for: .named(["orders"]), at: Self.at(9))
            return cache.snapshot.topics["orders"]?.id.low
        }
        #expect([1, 2, 1, 3, 1].map { present(afterAnswer: $0) } == [3, 3, 3, 3, 3])
        #expect(cache.snapshot.partition("orders", 0)?.leader == 2, "of the answer that is not older")
        #expect(present(afterAnswer: 3) == 3)
        // Nine in a row are not believed, and the tenth is.
        #expect((1...10).map { _ in present(afterAnswer: 2) } == Array(repeating: 3, count: 9) + [2])
        #expect(cache.snapshot.topics["other"]?.id.low == 3)
    }

    @Test(arguments: [true, false])
    func `a topic that was gone for a while is not brought back either, and one that comes back is followed`(
        isNamed: Bool
    ) {
        var cache = MetadataCache()
        func answer(_ id: UInt64, leader: Int32, epoch: Int32) -> TopicMetadata? {
            cache.apply(
                Self.response(["orders": [(leader, epoch)]], id: id), for: .named(["orders"]), at: Self.at(id))
            return cache.snapshot.topics["orders"]
        }
        func vanish() {
            cache.apply(
                Self.response(isNamed ? ["orders": []] : [:], id: 0), for: isNamed ? .named(["orders"]) : .all,
                at: Self.at(5))
        }
        _ = answer(1, leader: 1, epoch: 0)
        vanish()
        #expect(answer(2, leader: 1, epoch: 0)?.id.low == 2)
        #expect(answer(1, leader: 1, epoch: 0)?.id.low == 2)
        // A broker that does not know it yet.
        vanish()
        #expect(answer(2, leader: 1, epoch: 0)?.id.low == 2)
        #expect(answer(2, leader: 2, epoch: 1)?.partitions[0]?.leader == 2)
    }

    @Test func `a hint about a leader counts when it is newer and its broker is known`() {
        var cache = MetadataCache()
        cache.apply(Self.response(["orders": [(1, 5)]]), for: .all, at: Self.at(1))
        let generation = cache.snapshot.generation
        let partition = TopicPartition("orders", 0)

        let old = cache.learn(leader: 2, epoch: 5, of: partition, endpoint: nil)
        let unknownBroker = cache.learn(leader: 7, epoch: 6, of: partition, endpoint: nil)
        let unknownTopic = cache.learn(leader: 2, epoch: 6, of: TopicPartition("users", 0), endpoint: nil)
        #expect([old, unknownBroker, unknownTopic] == [false, false, false])
        #expect(cache.snapshot.generation == generation)

        let endpoint = BrokerEndpoint(id: 7, address: HostAndPort(host: "b7", port: 1))
        let isNews = cache.learn(leader: 7, epoch: 6, of: partition, endpoint: endpoint)
        #expect(isNews)
        #expect(cache.snapshot.partition("orders", 0)?.leader == 7)
        #expect(cache.snapshot.brokers[7] == endpoint)
        #expect(cache.snapshot.generation == generation + 1)
    }

    @Test func `a broker that knows no brokers yet does not make us forget ours`() {
        var cache = MetadataCache()
        cache.apply(Self.response([:]), for: .none, at: Self.at(1))
        cache.apply(Self.response([:], brokers: []), for: .none, at: Self.at(2))
        #expect(cache.snapshot.brokers.keys.sorted() == [1, 2])
    }

    @Test func `a partition without a leader says so`() {
        var cache = MetadataCache()
        cache.apply(Self.response(["orders": [(-1, 5)]]), for: .all, at: Self.at(1))
        #expect(cache.snapshot.partition("orders", 0)?.leader == nil)
    }
}

// What a broker may say that cannot be.
extension MetadataCacheTests {
    @Test func `a broker of an impossible address is known, and cannot be tried`() {
        var response = Self.response(["orders": [(1, 1)]])
        response.brokers[0].port = 70_000
        var cache = MetadataCache()
        cache.apply(response, for: .all, at: Self.at(1))

        #expect(cache.snapshot.brokers[1]?.address.flaw != nil)
        #expect(cache.snapshot.brokers[2]?.address.flaw == nil)
    }

    @Test func `topics and partitions that cannot be are left out, and what comes twice is there once`() {
        var response = Self.response(["orders": [(1, 1)], "": [(1, 1)], "a/b": [(1, 1)], "..": [(1, 1)]])
        response.topics += response.topics
        response.brokers += response.brokers
        for topic in response.topics.indices {
            for index in [Int32.max, -1, 0] {
                var partition = response.topics[topic].partitions[0]
                partition.partitionIndex = index
                response.topics[topic].partitions.append(partition)
            }
        }
        var cache = MetadataCache()
        cache.apply(response, for: .all, at: Self.at(1))

        #expect(cache.snapshot.topics.keys.sorted() == ["orders"])
        #expect(cache.snapshot.topics["orders"]?.partitions.keys.sorted() == [0])
        #expect(cache.snapshot.brokers.count == 2)
    }

    @Test func `a leader epoch that all answers contradict is given up in the end`() {
        var cache = MetadataCache()
        cache.apply(Self.response(["orders": [(2, .max)]]), for: .all, at: Self.at(1))
        for second in 2..<11 {
            cache.apply(Self.response(["orders": [(1, 1)]]), for: .all, at: Self.at(UInt64(second)))
            #expect(cache.snapshot.partition("orders", 0)?.leader == 2)
        }
        cache.apply(Self.response(["orders": [(1, 1)]]), for: .all, at: Self.at(12))

        #expect(cache.snapshot.partition("orders", 0)?.leader == 1)
    }

    @Test func `a leader at an impossible address is no news`() {
        var cache = MetadataCache()
        cache.apply(Self.response(["orders": [(1, 1)]]), for: .all, at: Self.at(1))
        let endpoint = BrokerEndpoint(id: 2, address: HostAndPort(host: "b2", port: -1))

        let isNews = cache.learn(leader: 2, epoch: 9, of: TopicPartition("orders", 0), endpoint: endpoint)

        #expect(!isNews)
        #expect(cache.snapshot.brokers[2]?.address.port == 9092)
    }
}
