internal import KafkaClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Asks a running `replicator run` over its HTTP address: one request per connection, which is all that commands need.
struct DaemonClient {
    let address: HostAndPort

    struct Answer {
        var status: Int
        var body: String
    }

    /// Status documents of ten thousand partitions take some megabytes.
    private static let largestBody = 256 << 20
    private static let patience: TimeAmount = .seconds(30)

    /// - Throws: ``Failure`` when no replicator answers.
    func send(_ method: HTTPMethod, _ path: String) async throws -> Answer {
        do {
            return try await exchange(method, path)
        } catch let error as Failure {
            throw error
        } catch {
            let reason = (error as? IOError).map { "\($0)" } ?? "\(error)"
            throw Failure(
                "no replicator answers at http://\(address): \(reason); is `replicator run` running there with "
                    + "http.listen set? --url names another address")
        }
    }

    private func exchange(_ method: HTTPMethod, _ path: String) async throws -> Answer {
        let group = MultiThreadedEventLoopGroup.singleton
        let channel = try await ClientBootstrap(group: group).connectTimeout(.seconds(10)).connect(
            host: address.host, port: address.port
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                    wrappingChannelSynchronously: channel)
            }
        }
        let limit = channel.channel.eventLoop.scheduleTask(in: Self.patience) { channel.channel.close(promise: nil) }
        defer { limit.cancel() }
        return try await channel.executeThenClose { inbound, outbound in
            let head = HTTPRequestHead(
                version: .http1_1, method: method, uri: path,
                headers: ["host": "\(address)", "connection": "close", "content-length": "0"])
            try await outbound.write(.head(head))
            try await outbound.write(.end(nil))
            return try await read(inbound)
        }
    }

    private func read(_ parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>) async throws -> Answer {
        var status: Int?
        var body = ByteBuffer()
        for try await part in parts {
            switch part {
            case .head(let head): status = Int(head.status.code)
            case .body(var bytes):
                body.writeBuffer(&bytes)
                guard body.readableBytes <= Self.largestBody else {
                    throw Failure("the answer of \(address) is longer than \(Self.largestBody >> 20) MiB")
                }
            case .end:
                if let status { return Answer(status: status, body: String(buffer: body)) }
            }
        }
        throw Failure("\(address) closed the connection before its answer was complete")
    }
}
