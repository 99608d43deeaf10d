import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// Bytes that no client should send cost their own connection and nothing else.
@Suite(.printsSeed, .timeLimit(.minutes(1))) struct HostileConnectionTests {
    private static func frame(_ body: [UInt8]) -> ByteBuffer {
        var bytes = ByteBuffer(integer: Int32(body.count))
        bytes.writeBytes(body)
        return bytes
    }

    private static let cases: [(name: String, bytes: ByteBuffer)] = [
        ("an empty frame", frame([])),
        ("a negative length", ByteBuffer(bytes: [0xFF, 0xFF, 0xFF, 0xFF])),
        ("a frame beyond the limit", ByteBuffer(bytes: [0x7F, 0xFF, 0xFF, 0xFF])),
        ("an unknown API", frame([0x03, 0xE8, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF])),
        ("an API without a handler", frame([0, 26, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF])),
        ("an unknown version", frame([0, 3, 0, 99, 0, 0, 0, 1, 0xFF, 0xFF])),
        ("a header cut short", frame([0, 3, 0, 1, 0, 0])),
        ("a body cut short", frame([0, 3, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0, 0])),
        ("a count that cannot be", frame([0, 3, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF])),
        ("a web browser", ByteBuffer(string: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")),
    ]

    @Test(arguments: cases.indices)
    func `malformed input closes that connection alone`(index: Int) async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { healthy in
                try await RawConnection.open(port: cluster.ports[0]) { hostile in
                    try await hostile.write(Self.cases[index].bytes)
                    try await hostile.waitUntilClosed()
                }

                #expect(try await healthy.metadata().brokers.count == 1, "after \(Self.cases[index].name)")
            }
        }
    }

    @Test func `seeded noise never takes the broker down`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { healthy in
                var source = seeded(42)
                for round in 0..<200 {
                    let request = ApiKey.definedRequests[round % ApiKey.definedRequests.count]
                    let version = Int16.random(in: request.versions.range, using: &source)
                    var body: [UInt8] = []
                    withUnsafeBytes(of: request.apiKey.rawValue.bigEndian) { body += $0 }
                    withUnsafeBytes(of: version.bigEndian) { body += $0 }
                    body += [0, 0, 0, 1, 0xFF, 0xFF]
                    body += (0..<Int.random(in: 0...60, using: &source)).map { _ in
                        UInt8.random(in: 0...9, using: &source)
                    }
                    let hostile = try await RawConnection.connect(port: cluster.ports[0])
                    try await hostile.write(Self.frame(body))
                    await hostile.close()
                }

                #expect(try await healthy.metadata().brokers.count == 1)
            }
        }
    }

    @Test func `a client that leaves during its long poll leaves nothing behind`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                for _ in 0..<20 {
                    let gone = try await RawConnection.connect(port: cluster.ports[0])
                    _ = try await gone.begin(FetchRequest.plain("t") { $0.maxWaitMs = 60_000 }, version: 12)
                    await gone.close()
                }
                #expect(try await connection.produce(["a"], to: "t").errorCode == .none)
            }
        }
    }

    @Test func `a request above the limit closes its connection`() async throws {
        try await withCluster(properties: ["socket.request.max.bytes": "1000"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                let big = String(repeating: "x", count: 2000)
                await #expect(throws: RawConnection.Failure.closed) {
                    _ = try await connection.produce([big], to: "t")
                }
            }
        }
    }

    @Test func `pipelined requests are answered in order`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                let poll = try await connection.begin(FetchRequest.plain("t") { $0.maxWaitMs = 50 }, version: 12)
                var rest: [EventLoopFuture<MetadataResponse>] = []
                for _ in 0..<50 { rest.append(try await connection.begin(MetadataRequest())) }

                // The connection checks each answer's correlation id against the order of the requests.
                #expect(try await poll.get().errorCode == .none)
                for answer in rest { #expect(try await answer.get().clusterID == cluster.clusterID) }
            }
        }
    }
}
