import KafkaWire
import NIOCore
import Replication
import Testing

/// A flow that keeps offsets learns from its progress topic that others write to its target now.
@Suite struct HandoverTests {
    private static func record(_ value: String?, offset: Int64 = 0) -> Record {
        Record(
            offset: offset, timestamp: 0, key: ByteBuffer(string: "failover"),
            value: value.map { ByteBuffer(string: $0) })
    }

    private static func isHandedOver(_ values: String?...) throws -> Bool {
        var flow = RecordedFlow()
        for record in values.enumerated().map({ record($1, offset: Int64($0)) }).deciding { try flow.take(record) }
        return flow.isHandedOver
    }

    @Test func `it is in force from when it is noted until it is closed`() throws {
        #expect(try !Self.isHandedOver(#"{"kind":"planned","started":1}"#))
        #expect(try Self.isHandedOver(#"{"kind":"planned","started":1,"handedOver":2}"#))
        #expect(try Self.isHandedOver(#"{"kind":"planned","handedOver":2,"finished":3}"#))
        #expect(try !Self.isHandedOver(#"{"kind":"planned","handedOver":2,"finished":3,"closed":4}"#))
    }

    @Test func `the newest record counts, and none takes it away`() throws {
        let inForce = #"{"handedOver":2}"#
        #expect(try !Self.isHandedOver(inForce, #"{"handedOver":2,"closed":4}"#))
        #expect(try Self.isHandedOver(#"{"handedOver":2,"closed":4}"#, inForce))
        #expect(try !Self.isHandedOver(inForce, nil))
    }

    @Test func `a record that cannot be understood changes nothing`() throws {
        var flow = RecordedFlow()
        try flow.take(Self.record(#"{"handedOver":2}"#))
        try flow.take(Self.record("nonsense", offset: 1))
        #expect(flow.isHandedOver)
    }
}
