package import KafkaClient
package import NIOCore
package import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// Requests to a replicator's HTTP endpoint, each on a connection of its own: commands and instances need no more.
package struct StatusRequest: Sendable {
    package struct Answer: Sendable {
        package var status: Int
        package var body: String

        /// The body in one line, for people.
        package var message: String { body.split(separator: "\n").joined(separator: "; ") }
    }

    /// Something else than an answer, in words.
    package struct NoAnswer: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    package var address: HostAndPort
    /// Nil for a connection in the clear.
    package var trust: ServerTrust?
    /// Value of `Authorization`; nil for no credentials.
    package var authorization: String?
    /// For connecting and for the answer, each.
    package var timeout: TimeAmount
    /// Bytes of an answer that are taken.
    package var largestAnswer: Int

    package init(
        _ address: HostAndPort, trust: ServerTrust?, authorization: String?, timeout: TimeAmount, largestAnswer: Int
    ) {
        self.address = address
        self.trust = trust
        self.authorization = authorization
        self.timeout = timeout
        self.largestAnswer = largestAnswer
    }

    package var url: String { "\(trust == nil ? "http" : "https")://\(address)" }

    /// A text as a part of a path or query.
    package static func percentEncoded(_ text: String) -> String {
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
        return text.utf8.map { byte in
            guard !plain.contains(byte) else { return String(UnicodeScalar(byte)) }
            let digits = String(byte, radix: 16, uppercase: true)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
    }

    package func send(_ method: HTTPMethod, _ path: String) async throws -> Answer {
        let answer = try await exchange(method, path)
        // Servers answer to names that they know, which is for the sake of browsers, and to any address.
        return answer.status == 403 ? try await exchange(method, path, namesAddress: true) : answer
    }

    /// - Parameter namesAddress: whether the request is said to be for the address that the host's name stands for.
    private func exchange(_ method: HTTPMethod, _ path: String, namesAddress: Bool = false) async throws -> Answer {
        let tls = try trust?.handlerMaker(for: address)
        let group = MultiThreadedEventLoopGroup.singleton
        let channel = try await ClientBootstrap(group: group).connectTimeout(min(timeout, .seconds(10))).connect(
            host: address.host, port: address.port
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls { try channel.pipeline.syncOperations.addHandler(tls()) }
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                    wrappingChannelSynchronously: channel)
            }
        }
        let deadline = NIODeadline.now() + timeout
        let limit = channel.channel.eventLoop.scheduleTask(in: timeout) { channel.channel.close(promise: nil) }
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
            return try await read(inbound, until: deadline)
        }
    }

    private func read(
        _ parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>, until deadline: NIODeadline
    ) async throws -> Answer {
        var status: Int?
        var body = ByteBuffer()
        for try await part in parts {
            switch part {
            case .head(let head): status = Int(head.status.code)
            case .body(var bytes):
                guard body.readableBytes + bytes.readableBytes <= largestAnswer else {
                    throw NoAnswer(description: "the answer of \(address) is longer than \(largestAnswer >> 20) MiB")
                }
                body.writeBuffer(&bytes)
            case .end:
                if let status { return Answer(status: status, body: String(buffer: body)) }
            }
        }
        guard NIODeadline.now() < deadline else {
            throw NoAnswer(description: "\(address) has not answered within \(timeout.nanoseconds / 1_000_000_000) s")
        }
        throw NoAnswer(description: "\(address) closed the connection before its answer was complete")
    }
}
