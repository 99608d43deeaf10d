import HTTPTypes
import Observability
import Testing

@Suite struct RequestGuardTests {
    private func request(
        _ host: String?, _ fields: [String: String] = [:], method: HTTPRequest.Method = .post
    ) throws -> HTTPRequest {
        var request = HTTPRequest(method: method, scheme: "http", authority: host, path: "/")
        for (name, value) in fields { request.headerFields[try #require(HTTPField.Name(name))] = value }
        return request
    }

    private func status(
        of host: String?, _ fields: [String: String] = [:], method: HTTPRequest.Method = .post,
        listening: String = "127.0.0.1", machine: String? = "node-7.example", allowed: [String] = []
    ) throws -> Int? {
        RequestGuard(listeningOn: listening, machineName: machine, allowed: allowed, listKey: "http.allowedHosts")
            .refusal(of: try request(host, fields, method: method))?.status
    }

    @Test(
        arguments: [
            // Addresses cannot be rebound; tunnels and probes use other ones than we listen on.
            ("127.0.0.1:9644", nil), ("127.0.0.1", nil), ("10.1.2.3:9644", nil), ("[::1]:9644", nil),
            ("[fd00::7]", nil),
            ("localhost:9644", nil), ("LOCALHOST:18080", nil), ("localhost.:9644", nil),
            ("node-7.example:9644", nil), ("node-7:9644", nil), ("NODE-7", nil),
            // Clients of HTTP/1.0.
            (nil, nil), ("", nil),
            ("evil.example:9644", 403), ("node-7.example.evil.example", 403), ("127.0.0.1.evil.example:9644", 403),
            ("localhost.evil.example", 403), ("node-7.example.org", 403), ("node-8", 403), ("2130706433", 403),
            ("0x7f000001:9644", 403), ("127.1", 403),
            ("user@127.0.0.1:9644", 400), ("127.0.0.1:9644/x", 400), ("127.0.0.1:", 400), ("127.0.0.1:x", 400),
            ("127.0.0.1:99999999999999999999", 400), ("[::1", 400), ("[localhost]", 400), ("::1", 400), ("a b", 400),
            ("127.0.0.1, evil.example", 400), ("l\u{00F6}calhost", 400), (":9644", 400),
        ] as [(String?, Int?)])
    func `a request has to name an address or a known host`(host: String?, refused: Int?) throws {
        #expect(try status(of: host) == refused)
        #expect(try status(of: host, method: .get) == refused)
    }

    @Test(
        arguments: [
            ("replicator.svc", nil), ("replicator.svc:80", nil), ("other.svc", 403),
            ("a.replicas.example", nil), ("a.b.replicas.example", nil), ("replicas.example", 403),
            ("xreplicas.example", 403), ("status.example:8443", nil), ("status.example:8444", 403),
            ("status.example", 403), ("localhost", nil),
        ] as [(String, Int?)])
    func `names that are listed pass`(host: String, refused: Int?) throws {
        let allowed = ["replicator.svc", "*.replicas.example", "status.example:8443"]
        #expect(try status(of: host, listening: "0.0.0.0", allowed: allowed) == refused)
    }

    @Test func `a name that is listened on is known`() throws {
        #expect(try status(of: "metrics.example:9644", listening: "metrics.example") == nil)
        #expect(try status(of: "metrics.example:9644", listening: "0.0.0.0") == 403)
    }

    @Test func `without a machine name nothing more is known`() throws {
        #expect(try status(of: "node-7", machine: nil) == 403)
        #expect(try status(of: "localhost", machine: "") == nil)
    }

    @Test(
        arguments: [
            ("127.0.0.1:9644", "http://127.0.0.1:9644", nil), ("127.0.0.1:9644", "https://127.0.0.1:9644", nil),
            ("LOCALHOST:9644", "http://localhost:9644", nil), ("127.0.0.1", "http://127.0.0.1:80", nil),
            ("127.0.0.1:443", "https://127.0.0.1", nil), ("[::1]:9644", "http://[::1]:9644", nil),
            // Another port is another site's server.
            ("127.0.0.1:9644", "http://127.0.0.1:3000", 403), ("127.0.0.1:9644", "http://127.0.0.1", 403),
            ("127.0.0.1:9644", "http://localhost:9644", 403), ("127.0.0.1:9644", "http://evil.example", 403),
            ("127.0.0.1:9644", "http://evil.example:9644", 403), ("127.0.0.1:9644", "null", 403),
            ("127.0.0.1:9644", "", 403), ("127.0.0.1:9644", "file://", 403), ("127.0.0.1:9644", "http://", 403),
            ("127.0.0.1:9644", "chrome-extension://abc", 403), ("127.0.0.1:9644", "http://127.0.0.1:9644/x", 403),
            ("127.0.0.1:9644", "http://u@127.0.0.1:9644", 403), (nil, "http://127.0.0.1:9644", 403),
            // Rebound: the browser takes both for one origin.
            ("evil.example:9644", "http://evil.example:9644", 403),
            // A proxy that asks us by another name than browsers ask it.
            ("10.1.2.3:9644", "https://status.example", nil), ("10.1.2.3:9644", "https://other.example", 403),
        ] as [(String?, String, Int?)])
    func `a page has to be ours`(host: String?, origin: String, refused: Int?) throws {
        #expect(try status(of: host, ["Origin": origin], allowed: ["status.example"]) == refused)
    }

    @Test(
        arguments: [
            ("same-origin", nil), ("none", nil), ("same-site", nil), ("cross-site", 403), ("Cross-Site", 403),
        ] as [(String, Int?)])
    func `requests that browsers mark as another site's are refused`(site: String, refused: Int?) throws {
        #expect(try status(of: "127.0.0.1:9644", ["Sec-Fetch-Site": site]) == refused)
        #expect(try status(of: "127.0.0.1:9644", ["Sec-Fetch-Site": site], method: .get) == refused)
    }

    @Test func `a link on another site's page may be followed, a form not`() throws {
        let link = ["Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"]
        #expect(try status(of: "127.0.0.1:9644", link, method: .get) == nil)
        #expect(try status(of: "127.0.0.1:9644", link, method: .post) == 403)
        #expect(
            try status(
                of: "127.0.0.1:9644", link.merging(["Sec-Fetch-Dest": "iframe"]) { $1 }, method: .get) == 403)
    }

    @Test func `a refusal names the setting that would allow it`() throws {
        let check = RequestGuard(
            listeningOn: "0.0.0.0", machineName: nil, allowed: [], listKey: "http.allowedHosts")
        let refusal = try #require(check.refusal(of: try request("replicator.svc:9644")))
        #expect(refusal.description.contains("http.allowedHosts"))
        #expect(refusal.description.contains("replicator.svc"))
    }

    @Test func `two hosts are one too many`() throws {
        // The first becomes the authority, the others stay where they are.
        #expect(try status(of: "127.0.0.1:9644", ["Host": "evil.example"]) == 400)
    }

    @Test(arguments: ["name", "name:80", "*.example", "10.0.0.1", "[::1]:80", "::1", "a_b.example."])
    func `host patterns have these forms`(text: String) { #expect(HostPattern(text) != nil) }

    @Test(arguments: ["", "*", "*.", "http://name", "name/", "a,b", "a b", "name:", "na*me", "*.*.example", "name:x"])
    func `host patterns have no other forms`(text: String) { #expect(HostPattern(text) == nil) }
}
