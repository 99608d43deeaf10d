import NIOCore
import Observability
import ServiceLifecycle
import Testing

/// The HTTP server of `run`, over sockets: what clients may hold of it, and who is answered.
@Suite struct StatusServerTests {
    private let rules = HTTPAccess.Rules(
        hosts: RequestGuard(listeningOn: "127.0.0.1", machineName: nil, allowed: [], listKey: "http.allowedHosts"))

    private var limits: ConnectionLimits {
        var limits = ConnectionLimits()
        limits.head = .milliseconds(200)
        limits.body = .milliseconds(200)
        limits.idle = .milliseconds(200)
        return limits
    }

    @Test(arguments: [
        "", "G", "GET / HTTP/1.1\r\nHost: x\r\nX: ",
        // Nothing asks for a body, and one that does not come holds nothing.
        "POST /api/flows/f/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nabc",
        "POST /api/flows/f/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
    ])
    func `a request that does not end loses its connection`(text: String) async throws {
        try await RawHTTP.withServer(limits, rules) { server, _ in
            let answer = try await server.exchange(text)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `a header that trickles loses its connection`() async throws {
        try await RawHTTP.withServer(limits, rules) { server, _ in
            try await server.connect().executeThenClose { inbound, outbound in
                let start = ContinuousClock.now
                try await outbound.write(ByteBuffer(string: "GET / HTTP/1.1\r\nX: "))
                // Until the server has had enough.
                await withTaskGroup { group in
                    group.addTask {
                        while (try? await outbound.write(ByteBuffer(string: "X"))) != nil {
                            try? await Task.sleep(for: .milliseconds(20))
                        }
                    }
                    _ = await RawHTTP.rest(of: inbound)
                    group.cancelAll()
                }
                #expect(ContinuousClock.now - start < .seconds(4))
            }
        }
    }

    @Test func `a connection that is kept and not used is closed`() async throws {
        try await RawHTTP.withServer(limits, rules) { server, _ in
            let answer = try await server.exchange("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `several requests may use one connection`() async throws {
        try await RawHTTP.withServer(limits, rules) { server, _ in
            let one = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            let answer = try await server.exchange(one + one + RawHTTP.request("GET /api/status"))
            #expect(answer.matches(of: /HTTP\/1\.1 200/).count == 3)
        }
    }

    @Test func `a header that is too long is refused`() async throws {
        let long = String(repeating: "a", count: 40_000)
        try await RawHTTP.withServer(ConnectionLimits(), rules) { server, _ in
            for text in [
                RawHTTP.request("GET /", "X: \(long)"), RawHTTP.request("GET /\(long)"),
                RawHTTP.request("GET /", (0..<200).map { "X\($0): y" }.joined(separator: "\r\n")),
            ] {
                let answer = try await server.exchange(text)
                #expect(answer.hasPrefix("HTTP/1.1 400"))
            }
        }
    }

    @Test func `a body that is too long is refused`() async throws {
        let long = String(repeating: "a", count: 100_000)
        try await RawHTTP.withServer(ConnectionLimits(), rules) { server, _ in
            let announced = try await server.exchange(
                RawHTTP.request("POST /api/flows/f/pause", "Content-Length: 100000"))
            #expect(announced.hasPrefix("HTTP/1.1 413"))

            // Its length shows only when it has come: answered before, and then the connection ends.
            _ = try await server.exchange(
                RawHTTP.request("POST /api/flows/f/pause", "Transfer-Encoding: chunked") + "186a0\r\n" + long)
        }
    }

    @Test func `connections beyond the limit are refused at once, and counted`() async throws {
        var limits = ConnectionLimits()
        limits.connections = 3
        limits.connectionsPerAddress = 10
        try await expectRefusals(limits, reason: "connections", admitted: 3)
        limits.connections = 10
        limits.connectionsPerAddress = 3
        try await expectRefusals(limits, reason: "address", admitted: 3)
    }

    private func expectRefusals(_ limits: ConnectionLimits, reason: String, admitted: Int) async throws {
        let registry = MetricsRegistry()
        let request = RawHTTP.request("GET /healthz")
        try await RawHTTP.withServer(limits, rules, registry: registry) { server, _ in
            try await server.holding(admitted) {
                let refused = try await server.exchange(request)
                #expect(refused == "")
            }
            #expect(registry.value("replicator_http_refused_connections_total", [("reason", reason)]) == 1)

            // Those have left, so there is room again.
            var answer = ""
            for _ in 0..<100 where answer.isEmpty { answer = try await server.exchange(request) }
            #expect(answer.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `connections are refused while descriptors are scarce`() async throws {
        let registry = MetricsRegistry()
        try await RawHTTP.withServer(ConnectionLimits(), rules, registry: registry, hasDescriptors: { false }) {
            server, _ in
            let answer = try await server.exchange(RawHTTP.request("GET /healthz"))
            #expect(answer == "")
        }
        #expect(registry.value("replicator_http_refused_connections_total", [("reason", "descriptors")]) == 1)
    }

    @Test func `answers that nobody reads do not pile up`() async throws {
        var limits = ConnectionLimits()
        limits.answerBytes = 1 << 20
        let request = RawHTTP.request("GET /api/status")
        // More than the buffers of both sockets hold.
        let status = String(repeating: "a", count: 24 << 20)
        try await RawHTTP.withServer(limits, rules, status: status) { server, _ in
            try await server.connect().executeThenClose { _, outbound in
                try await outbound.write(ByteBuffer(string: request))
                var answer = ""
                for _ in 0..<1_000 where !answer.hasPrefix("HTTP/1.1 503") {
                    answer = try await server.exchange(request)
                }
                #expect(answer.hasPrefix("HTTP/1.1 503"))
                let probe = try await server.exchange(RawHTTP.request("GET /healthz"))
                #expect(probe.hasPrefix("HTTP/1.1 200"))
            }
            // That client has left.
            var answer = ""
            for _ in 0..<1_000 where !answer.hasPrefix("HTTP/1.1 200") { answer = try await server.exchange(request) }
            #expect(answer.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `a client that does not read does not keep the server from ending`() async throws {
        let status = String(repeating: "a", count: 24 << 20)
        try await RawHTTP.withServer(limits, rules, status: status) { server, services in
            try await server.connect().executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: RawHTTP.request("GET /api/status")))
                var iterator = inbound.makeAsyncIterator()
                _ = try await iterator.next()
                let start = ContinuousClock.now
                await services.triggerGracefulShutdown()
                await server.end()
                #expect(ContinuousClock.now - start < .seconds(10))
            }
        }
    }

    @Test func `answers tell browsers what to keep to`() async throws {
        try await RawHTTP.withServer(ConnectionLimits(), rules) { server, _ in
            for path in ["/", "/metrics", "/healthz", "/api/status", "/nowhere"] {
                let answer = try await server.exchange(RawHTTP.request("GET \(path)")).lowercased()
                #expect(answer.contains("x-content-type-options: nosniff"), "\(path)")
                #expect(answer.contains("referrer-policy: no-referrer"), "\(path)")
                #expect(answer.contains("cache-control: no-"), "\(path)")
            }
        }
    }

    @Test func `the guard stands before every path`() async throws {
        try await RawHTTP.withServer(ConnectionLimits(), rules) { server, _ in
            for path in ["/", "/metrics", "/healthz", "/readyz", "/api/status", "/api/flows/f/pause", "/nowhere"] {
                for method in ["GET", "POST", "OPTIONS"] {
                    let answer = try await server.exchange(
                        "\(method) \(path) HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
                    #expect(answer.hasPrefix("HTTP/1.1 403"), "\(method) \(path)")
                }
            }
        }
    }

    @Test(
        arguments: [
            // Path, credentials, status with anonymous: none and with anonymous: read.
            ("GET /healthz", nil, 200, 200), ("GET /readyz", nil, 503, 503), ("GET /", nil, 401, 200),
            ("GET /metrics", nil, 401, 200), ("GET /api/status", nil, 401, 200), ("GET /api/history", nil, 401, 200),
            ("GET /api/events", nil, 401, 200), ("POST /api/flows/f/pause", nil, 401, 401),
            ("GET /nowhere", nil, 401, 404),
            ("POST /healthz", nil, 401, 401),
            ("GET /metrics", "Bearer tok", 200, 200), ("POST /api/flows/f/pause", "Bearer tok", 403, 403),
            ("GET /metrics", "Bearer no", 401, 401), ("GET /readyz", "Bearer no", 401, 401),
            ("GET /healthz", "Bearer no", 200, 200),
            ("GET /", "Basic b3BzOnB3", 200, 200), ("POST /api/flows/f/pause", "Basic b3BzOnB3", 200, 200),
            ("POST /api/flows/f/pause", "Basic b3BzOm5v", 401, 401),
        ] as [(String, String?, Int, Int)])
    func `reading and acting are two rights`(line: String, authorization: String?, none: Int, read: Int) async throws {
        for (anonymous, status) in [(Right.none, none), (.read, read)] {
            var rules = rules
            rules.credentials = Credentials(users: ["ops": "pw"], tokens: ["tok"], anonymous: anonymous)
            try await RawHTTP.withServer(ConnectionLimits(), rules) { server, _ in
                let answer = try await server.exchange(
                    RawHTTP.request(line, authorization.map { "Authorization: \($0)" } ?? "X: y"))
                #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
                #expect(answer.lowercased().contains("www-authenticate: basic realm") == (status == 401))
                #expect(
                    answer.contains("secret reason") == (line.contains("readyz") && anonymous == .read && status == 503)
                )
            }
        }
    }
}
