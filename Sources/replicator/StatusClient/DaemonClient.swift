internal import ForeignErrors
internal import KafkaClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// Asks a running `replicator run` over its HTTP address: one request per connection, which is all that commands need.
struct DaemonClient {
    let address: HostAndPort
    /// Nil for a connection in the clear.
    var trust: ServerTrust?
    /// Nil for no credentials.
    var authorization: String?

    struct Answer {
        var status: Int
        var body: String
    }

    /// Status documents of ten thousand partitions take some megabytes.
    private static let largestBody = 256 << 20
    private static let patience: TimeAmount = .seconds(30)

    private var url: String { "\(trust == nil ? "http" : "https")://\(address)" }

    /// - Throws: ``Failure`` when no replicator answers, or it wants other credentials.
    func send(_ method: HTTPMethod, _ path: String) async throws -> Answer {
        var answer: Answer
        do {
            answer = try await exchange(method, path)
            // Servers answer to names that they know, which is for the sake of browsers, and to any address.
            if answer.status == 403 { answer = try await exchange(method, path, namesAddress: true) }
        } catch let error as Failure {
            throw error
        } catch {
            throw Failure(
                "no replicator answers at \(url): \(ForeignError.words(error)); is `replicator run` running there with "
                    + "http.listen set? --url names another address")
        }
        let message = answer.body.split(separator: "\n").joined(separator: "; ")
        switch answer.status {
        case 401 where authorization == nil:
            throw Failure(
                "\(url) wants credentials: name a user with --user and put the password into "
                    + "\(DaemonOptions.passwordVariable), or use the configuration that the replicator runs with")
        case 401: throw Failure("\(url) does not accept these credentials: \(message)")
        case 403, 421, 429: throw Failure("\(url) refuses: \(message)")
        default: return answer
        }
    }

    /// - Parameter namesAddress: whether the request is said to be for the address that the host's name stands for.
    private func exchange(
        _ method: HTTPMethod, _ path: String, namesAddress: Bool = false
    ) async throws -> Answer {
        let tls = try trust?.handlerMaker(for: address)
        let group = MultiThreadedEventLoopGroup.singleton
        let channel = try await ClientBootstrap(group: group).connectTimeout(.seconds(10)).connect(
            host: address.host, port: address.port
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls { try channel.pipeline.syncOperations.addHandler(tls()) }
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                    wrappingChannelSynchronously: channel)
            }
        }
        let limit = channel.channel.eventLoop.scheduleTask(in: Self.patience) { channel.channel.close(promise: nil) }
        defer { limit.cancel() }
        var host = "\(address)"
        if namesAddress, let peer = channel.channel.remoteAddress, let ip = peer.ipAddress, let port = peer.port {
            host = "\(HostAndPort(host: ip, port: port))"
        }
        return try await channel.executeThenClose { [host] inbound, outbound in
            var headers: HTTPHeaders = ["host": host, "connection": "close", "content-length": "0"]
            if let authorization { headers.add(name: "authorization", value: authorization) }
            let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
            // At once: who answers the head and closes would make the end a write to a closed connection.
            try await outbound.write(contentsOf: [.head(head), .end(nil)])
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
