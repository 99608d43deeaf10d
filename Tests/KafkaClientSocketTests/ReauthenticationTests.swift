import Foundation
import KafkaClient
import KafkaWire
import NIOCore
import Synchronization
import TestSupport
import Testing

/// Sessions that the broker limits in time (KIP-368), and credentials that change while connections live.
@Suite struct ReauthenticationTests {
    /// A PLAIN listener; `reply` decides about each attempt, counted from 0 over all connections.
    private static func broker(
        lifetimeMs: Int64, _ reply: @escaping @Sendable (Int, String) -> ErrorCode = { _, _ in .none }
    ) async throws -> FakeBroker {
        let attempts = Mutex(0)
        return try await FakeBroker.ordinary { request in
            switch request.header.apiKey {
            case .apiVersions, .metadata: return nil
            case .saslHandshake: return [try request.reply(SaslHandshakeResponse())]
            case .saslAuthenticate:
                let attempt = attempts.withLock { count in
                    defer { count += 1 }
                    return count
                }
                var response = SaslAuthenticateResponse()
                let token = try request.decode(SaslAuthenticateRequest.self).authBytes
                response.errorCode = reply(attempt, String(buffer: token))
                response.sessionLifetimeMs = lifetimeMs
                return [try request.reply(response)]
            default: return [try request.reply(ListGroupsResponse())]
            }
        }
    }

    private static func security(_ password: Secret) -> SecuritySettings {
        SecuritySettings(.saslPlaintext, sasl: SASLSettings(mechanism: .plain, username: "alice", password: password))
    }

    @Test func `requests on their way are answered first, and none fails`() async throws {
        // The broker keeps its answers back until the new handshake arrives, then sends all in order.
        let kept = Mutex<[FakeBroker.Request]>([])
        let broker = try await FakeBroker.ordinary { request in
            switch request.header.apiKey {
            case .listGroups:
                kept.withLock { $0.append(request) }
                return []
            case .saslHandshake:
                let due = kept.withLock { kept in
                    defer { kept.removeAll { $0.connection == request.connection } }
                    return kept.filter { $0.connection == request.connection }
                }
                return try due.map { try $0.reply(ListGroupsResponse()) } + [
                    try request.reply(SaslHandshakeResponse())
                ]
            case .saslAuthenticate:
                var response = SaslAuthenticateResponse()
                response.sessionLifetimeMs = 100
                return [try request.reply(response)]
            default: return nil
            }
        }
        try await withClient(of: [broker.address]) {
            $0.security = Self.security(Secret("secret"))
        } _: { client in
            let connection = try await client.connection(to: 1, purpose: .fetch(0))
            for _ in 0..<3 {
                let replies = try await (
                    connection.submit(ListGroupsRequest()), connection.submit(ListGroupsRequest()),
                    connection.submit(ListGroupsRequest())
                )
                _ = try await (replies.0.value(), replies.1.value(), replies.2.value())
            }
            #expect(await connection.isOpen)
        }
        let keys = broker.requests.filter { $0.connection == 1 }.map(\.header.apiKey)
        #expect(keys.filter { $0 == .saslHandshake }.count >= 4)
        for (index, key) in keys.enumerated() where key == .saslHandshake {
            #expect(keys.dropFirst(index + 1).first.map { $0 == .saslAuthenticate } ?? true)
        }
        try await broker.stop()
    }

    @Test func `a password that is changed in its file is used from the next authentication on`() async throws {
        let (sent, shown) = AsyncStream.makeStream(of: String.self)
        let broker = try await Self.broker(lifetimeMs: 50) { _, message in
            shown.yield(message)
            return .none
        }
        try await withFiles(["password": "old\n"]) { files in
            try await withClient(of: [broker.address]) {
                $0.security = Self.security(Secret(file: files["password"]))
            } _: { client in
                let connection = try await client.connection(to: 1, purpose: .fetch(0))
                try files.write("new\n", "password")
                for await message in sent where message == "\0alice\0new" { break }
                _ = try await connection.send(ListGroupsRequest())
            }
        }
        let first = try #require(broker.requests(of: .saslAuthenticate).first)
        #expect(try first.decode(SaslAuthenticateRequest.self).authBytes == ByteBuffer(string: "\0alice\0old"))
        try await broker.stop()
    }

    @Test func `a session that is not renewed ends, and says why to all who wait`() async throws {
        let broker = try await Self.broker(lifetimeMs: 50) { attempt, _ in
            attempt < 2 ? .none : .saslAuthenticationFailed
        }
        let error = try await withClient(of: [broker.address]) {
            $0.security = Self.security(Secret("secret"))
        } _: { client in
            let connection = try await client.connection(to: 1, purpose: .fetch(0))
            return try await kafkaError {
                while true { _ = try await connection.send(ListGroupsRequest()) }
            }
        }
        #expect(
            error.reason == .authentication("user \"alice\" was refused: SASL_AUTHENTICATION_FAILED (58)"), "\(error)")
        try await broker.stop()
    }

    @Test func `credentials that cannot be had at first are tried again while the session holds`() async throws {
        let (sent, shown) = AsyncStream.makeStream(of: String.self)
        let broker = try await Self.broker(lifetimeMs: 4000) { _, message in
            shown.yield(message)
            return .none
        }
        try await withFiles(["password": "old\n"]) { files in
            let log = CapturingLog { line in
                if line.contains("the session cannot be renewed yet") { try? files.write("new\n", "password") }
            }
            try await withClient(of: [broker.address], logger: log.logger) {
                $0.security = Self.security(Secret(file: files["password"]))
            } _: { client in
                let connection = try await client.connection(to: 1, purpose: .fetch(0))
                try files.remove("password")
                for await message in sent where message == "\0alice\0new" { break }
                _ = try await connection.send(ListGroupsRequest())
            }
            #expect(log.lines.contains { $0.hasPrefix("warning") && $0.contains("no such file") })
        }
        try await broker.stop()
    }

    @Test func `a broker that goes away while a session is renewed is a lost connection`() async throws {
        let goesAway = Mutex(false)
        let broker = try await FakeBroker.ordinary { request in
            switch request.header.apiKey {
            case .saslHandshake:
                return goesAway.withLock { $0 } ? [.close] : [try request.reply(SaslHandshakeResponse())]
            case .saslAuthenticate:
                var response = SaslAuthenticateResponse()
                response.sessionLifetimeMs = 50
                return [try request.reply(response)]
            case .listGroups: return [try request.reply(ListGroupsResponse())]
            default: return nil
            }
        }
        let error = try await withClient(of: [broker.address]) {
            $0.security = Self.security(Secret("secret"))
        } _: { client in
            let connection = try await client.connection(to: 1, purpose: .fetch(0))
            goesAway.withLock { $0 = true }
            return try await kafkaError {
                while true { _ = try await connection.send(ListGroupsRequest()) }
            }
        }
        #expect(error.isRetriable)
        #expect(!error.isAuthenticationFailure)
        try await broker.stop()
    }

    @Test(arguments: [Int64.max, Int64.min, -1, 0])
    func `a lifetime that is none changes nothing`(lifetimeMs: Int64) async throws {
        let broker = try await Self.broker(lifetimeMs: lifetimeMs)
        try await withClient(of: [broker.address]) {
            $0.security = Self.security(Secret("secret"))
        } _: { client in
            let connection = try await client.connection(to: 1, purpose: .fetch(0))
            _ = try await connection.send(ListGroupsRequest())
        }
        #expect(broker.requests(of: .saslAuthenticate).count == 2)
        try await broker.stop()
    }

    @Test func `no log line at any level holds a secret`() async throws {
        let log = CapturingLog()
        let broker = try await Self.broker(lifetimeMs: 50) { attempt, _ in
            attempt < 3 ? .none : .saslAuthenticationFailed
        }
        try await withClient(of: [broker.address], logger: log.logger) {
            $0.security = Self.security(Secret("hush-hush"))
        } _: { client in
            let connection = try await client.connection(to: 1, purpose: .fetch(0))
            _ = try await kafkaError { while true { _ = try await connection.send(ListGroupsRequest()) } }
            _ = try await kafkaError { _ = try await client.connection(to: 1, purpose: .fetch(1)) }
        }
        #expect(log.lines.contains { $0.contains("connected") })
        #expect(log.lines.contains { $0.contains("the session was renewed") })
        #expect(log.lines.contains { $0.contains("cannot connect") })
        #expect(!log.lines.contains { $0.contains("hush") })
        try await broker.stop()
    }
}
