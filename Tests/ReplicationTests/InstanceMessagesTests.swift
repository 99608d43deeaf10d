import KafkaClient
import NIOCore
import Replication
import TestSupport
import Testing

/// Subscriptions and assignments as they are on the wire.
@Suite(.printsSeed) struct InstanceMessagesTests {
    private static let first = TopicPartition("orders", 0), second = TopicPartition("orders", 7)

    private static let owned: [FlowPart: Double?] = {
        var owned: [FlowPart: Double?] = [.partition(first): 1_000, .task(.topics): 10]
        owned[.partition(TopicPartition("a b", 3))] = 0
        for part in [FlowPart.partition(second), .task(.groups)] { owned.updateValue(nil, forKey: part) }
        return owned
    }()

    private static let subscription = InstanceSubscription(
        instance: "one", address: "http://one:9644", rack: "r1", generation: 5, owned: owned,
        releasing: [.partition(second)], isLeaving: true, isBlind: true)

    @Test(arguments: [1, 2]) func `a subscription comes out as it went in`(version: Int) throws {
        let bytes: ByteBuffer = try Self.subscription.encoded(for: version)
        var read = try InstanceSubscription(decoding: bytes)

        #expect((bytes.readableBytesView.first == 2) == (version == 2))
        let load = try #require(read.owned[.partition(Self.first)] ?? nil)
        #expect(abs(load / 1_000 - 1) < 0.1)
        read.owned[.partition(Self.first)] = 1_000
        #expect(read == Self.subscription)
    }

    @Test(arguments: [1, 2]) func `an assignment comes out as it went in`(version: Int) throws {
        let assignment = InstanceAssignment(
            version: version, parts: Set(Self.subscription.owned.keys),
            peers: [.init(instance: "one", address: "http://one:9644"), .init(instance: "two", address: nil)])
        let bytes = try assignment.encoded()

        #expect((bytes.readableBytesView.first == 2) == (version == 2))
        #expect(try InstanceAssignment(decoding: bytes) == assignment)
    }

    @Test func `an instance that offers version 1 writes version 1`() throws {
        var old = Self.subscription
        old.version = 1

        #expect(try old.encoded(for: 2).readableBytesView.first == UInt8(ascii: "{"))
    }

    @Test func `nothing is an assignment of nothing`() throws {
        #expect(try InstanceAssignment(decoding: ByteBuffer()).parts.isEmpty)
    }

    @Test(arguments: [
        "{}", "x", #"{"version":3,"topics":{},"tasks":[],"peers":[]}"#,
        #"{"version":1,"topics":{"t":[-1]},"tasks":[],"peers":[]}"#,
        #"{"version":1,"topics":{},"tasks":["dance"],"peers":[]}"#,
    ]) func `what is no assignment is refused`(text: String) {
        #expect(throws: ImpossibleState.self) { try InstanceAssignment(decoding: ByteBuffer(string: text)) }
    }

    @Test(arguments: [
        #"{"version":0,"instance":"a","generation":1,"topics":{},"tasks":{}}"#,
        #"{"version":1,"instance":"a","generation":1,"topics":{"t":{"partitions":[0],"load":[]}},"tasks":{}}"#,
        #"{"version":1,"instance":"a","generation":1,"topics":{"t":{"partitions":[-2],"load":[1]}},"tasks":{}}"#,
    ]) func `what is no subscription is refused`(text: String) {
        #expect(throws: ImpossibleState.self) { try InstanceSubscription(decoding: ByteBuffer(string: text)) }
    }

    @Test func `damage is an error, never more`() throws {
        let whole = try Self.subscription.encoded(for: 2)
        for length in 0..<whole.readableBytes {
            #expect(throws: (any Error).self) {
                try InstanceSubscription(decoding: whole.getSlice(at: 0, length: length) ?? ByteBuffer())
            }
        }
        for seed in FuzzSeeds(count: 500) {
            var random = seeded(seed)
            var bytes = whole
            bytes.setInteger(
                UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0..<whole.readableBytes, using: &random))
            _ = try? InstanceSubscription(decoding: bytes)
            _ = try? InstanceAssignment(decoding: bytes)
        }
    }

    @Test func `the loads of a byte cover everything there is`() throws {
        let loads = [0.5, 1, 3, 700, 1e6, 12_345_678, 1e10, 4e12]
        var wide = Self.subscription
        wide.owned = [:]
        for (number, load) in loads.enumerated() { wide.owned[.partition(TopicPartition("t", Int32(number)))] = load }
        let read = try InstanceSubscription(decoding: try wide.encoded(for: 2))

        for (number, load) in loads.enumerated() {
            let found = try #require(read.owned[.partition(TopicPartition("t", Int32(number)))] ?? nil)
            #expect(abs(found - load) <= max(1, load * 0.09), "\(load) became \(found)")
        }
    }

    /// A group's record on the coordinator holds what all members say and get, and brokers take 1 MB by default.
    @Test(arguments: [(10_000, 1), (10_000, 100), (50_000, 1), (50_000, 50)])
    func `the record of a large flow stays below a megabyte`(partitions: Int, perTopic: Int) throws {
        var random = seeded(1)
        let parts = (0..<partitions).map { number in
            FlowPart.partition(
                TopicPartition(
                    "customer.orders.region-\(number / perTopic * 7_919 % 100_000).events", Int32(number % perTopic)))
        }
        var sum = 0
        for member in 0..<5 {
            // Every fifth of them, at random, which makes the shortest ranges.
            var owned: [FlowPart: Double?] = [:]
            for part in parts where Int.random(in: 0..<5, using: &random) == 0 {
                owned[part] = Double.random(in: 0...1e7, using: &random)
            }
            sum += try InstanceSubscription(instance: "i\(member)", owned: owned).encoded(for: 2).readableBytes
            sum += try InstanceAssignment(parts: Set(owned.keys), peers: []).encoded().readableBytes
        }

        #expect(sum < 900_000, "\(sum) bytes")
    }

    @Test func `claims that are too large to be readable are compact whatever the others know`() throws {
        let owned = (0..<20_000).map { (FlowPart.partition(TopicPartition("t\($0)", 0)), Double?.some(1)) }
        let subscription = InstanceSubscription(instance: "one", owned: Dictionary(uniqueKeysWithValues: owned))

        #expect(try subscription.encoded(for: 1).readableBytesView.first == 2)
    }
}
