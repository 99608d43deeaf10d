import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server on a real socket whose every answer a test decides, what no broker would do included.
final class FakeBroker: Sendable {
    enum Action {
        /// Answer with these bytes, as they are.
        case write([ByteBuffer])
        case close
    }

    /// A request as it came: header read, body not.
    struct Request: Sendable {
        var header: RequestHeader
        var body: ByteBuffer
        /// Counts connections of this server from 0.
        var connection: Int
        /// Where the server listens.
        var server: HostAndPort

        func decode<R: KafkaRequest>(_: R.Type) throws -> R {
            var body = body
            if R.versions.isFlexible(header.apiVersion) { try RequestHeader.skipTags(in: &body) }
            return try R.decode(body, version: header.apiVersion)
        }

        /// The answer, in the version of the request unless told otherwise.
        func reply(_ response: some KafkaResponse, version: Int16? = nil) throws -> Action {
            .write(
                try response.encodeFrame(
                    version: version ?? header.apiVersion, correlationID: header.correlationID))
        }
    }

    typealias Handler = @Sendable (Request) throws -> [Action]

    let address: HostAndPort
    private let channel: any Channel
    private let log: Log

    /// What has happened to the server so far.
    private final class Log: Sendable {
        let accepted = Mutex<[any Channel]>([])
        let requests = Mutex<[Request]>([])
    }

    var connections: Int { log.accepted.withLock { $0.count } }
    var requests: [Request] { log.requests.withLock { $0 } }
    func requests(of api: ApiKey) -> [Request] { requests.filter { $0.header.apiKey == api } }

    init(tls: NIOSSLContext? = nil, _ handler: @escaping Handler) async throws {
        let log = Log()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    let number = log.accepted.withLock { accepted in
                        accepted.append(channel)
                        return accepted.count - 1
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        Answering(connection: number) { request in
                            log.requests.withLock { $0.append(request) }
                            return try handler(request)
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        address = HostAndPort(host: "127.0.0.1", port: channel.localAddress?.port ?? 0)
        self.log = log
    }

    /// A broker, number 1 of a cluster of its own, that answers ApiVersions and Metadata as usual where `handler` is nil.
    ///
    /// - Parameter topics: the leader of each partition.
    static func ordinary(
        tls: NIOSSLContext? = nil, versions: [ApiKey: ClosedRange<Int16>] = Request.ordinaryVersions,
        topics: [String: [Int32]] = [:], _ handler: @escaping @Sendable (Request) throws -> [Action]? = { _ in nil }
    ) async throws -> FakeBroker {
        try await FakeBroker(tls: tls) { request in
            if let actions = try handler(request) { return actions }
            switch request.header.apiKey {
            case .apiVersions: return [try request.versions(versions)]
            case .metadata: return [try request.metadata([1: request.server], topics: topics)]
            default: return [.close]
            }
        }
    }

    /// Cuts all connections; new ones are accepted.
    func disconnect() {
        for channel in log.accepted.withLock({ $0 }) { channel.close(promise: nil) }
    }

    /// Writes without having been asked.
    func push(_ bytes: ByteBuffer) {
        for channel in log.accepted.withLock({ $0 }) { channel.writeAndFlush(bytes, promise: nil) }
    }

    func stop() async throws {
        try await channel.close().get()
        disconnect()
    }

    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private var frames = FrameAssembler(limit: 1 << 24)
        private let connection: Int
        private let handler: Handler

        init(connection: Int, _ handler: @escaping Handler) {
            self.connection = connection
            self.handler = handler
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            do {
                while var frame = try frames.nextFrame(from: &bytes) {
                    let header = try RequestHeader.decode(from: &frame)
                    for action in try handler(
                        Request(header: header, body: frame, connection: connection, server: server(context)))
                    {
                        switch action {
                        case .write(let pieces):
                            for piece in pieces { context.write(wrapOutboundOut(piece), promise: nil) }
                            context.flush()
                        case .close: context.close(promise: nil)
                        }
                    }
                }
            } catch {
                context.close(promise: nil)
            }
        }

        private func server(_ context: ChannelHandlerContext) -> HostAndPort {
            HostAndPort(host: "127.0.0.1", port: context.localAddress?.port ?? 0)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

extension FakeBroker.Request {
    /// What an ordinary broker says it speaks, as far as these tests need it.
    static let ordinaryVersions: [ApiKey: ClosedRange<Int16>] = [
        .produce: 3...9, .fetch: 4...16, .listOffsets: 1...7, .metadata: 4...12, .offsetCommit: 2...8,
        .offsetFetch: 1...8, .findCoordinator: 0...4, .listGroups: 0...4, .saslHandshake: 0...1, .apiVersions: 0...3,
        .createTopics: 2...7, .deleteTopics: 1...6, .initProducerId: 0...4, .offsetForLeaderEpoch: 2...4,
        .describeConfigs: 1...4, .alterConfigs: 0...2, .incrementalAlterConfigs: 0...1, .saslAuthenticate: 0...2,
        .createPartitions: 0...3, .deleteRecords: 0...2, .describeProducers: 0...0,
    ]

    func versions(_ ranges: [ApiKey: ClosedRange<Int16>] = ordinaryVersions) throws -> FakeBroker.Action {
        var response = ApiVersionsResponse()
        response.apiKeys = ranges.sorted { $0.key.rawValue < $1.key.rawValue }.map { key, range in
            var entry = ApiVersionsResponse.ApiVersion()
            entry.apiKey = key.rawValue
            entry.minVersion = range.lowerBound
            entry.maxVersion = range.upperBound
            return entry
        }
        return try reply(response)
    }

    /// A cluster of the brokers given by id, with topics given as the leader of each partition.
    func metadata(
        _ brokers: [Int32: HostAndPort], controller: Int32 = 1, topics: [String: [Int32]] = [:]
    ) throws -> FakeBroker.Action {
        var response = MetadataResponse()
        response.clusterID = "fake-cluster"
        response.controllerID = controller
        response.brokers = brokers.sorted { $0.key < $1.key }.map { id, address in
            var broker = MetadataResponse.MetadataResponseBroker()
            broker.nodeID = id
            broker.host = address.host
            broker.port = Int32(address.port)
            return broker
        }
        let asked = try decode(MetadataRequest.self).topics
        let names = asked.map { $0.compactMap(\.name) } ?? topics.keys.sorted()
        response.topics = names.map { name in
            var topic = MetadataResponse.MetadataResponseTopic()
            topic.name = name
            guard let leaders = topics[name] else {
                topic.errorCode = .unknownTopicOrPartition
                return topic
            }
            topic.topicID = KafkaUUID(high: 7, low: UInt64(name.utf8.first ?? 0))
            topic.partitions = leaders.enumerated().map { index, leader in
                var partition = MetadataResponse.MetadataResponsePartition()
                partition.partitionIndex = Int32(index)
                partition.leaderID = leader
                partition.leaderEpoch = 1
                return partition
            }
            return topic
        }
        return try reply(response)
    }
}
