import KafkaClient
import TestSupport
import Testing

/// Passwords that never show themselves, and that may change where they are kept.
@Suite struct SecretTests {
    @Test func `a secret shows itself to nobody`() throws {
        let secret = Secret("opensesame")
        let settings = SASLSettings(mechanism: .plain, username: "alice", password: secret)
        let parts = [Secret.Part.text("opensesame")]
        var dumped = ""
        dump(settings, to: &dumped)
        dump(parts, to: &dumped)

        #expect(!"\(settings) \(String(reflecting: settings)) \(parts) \(dumped)".contains("opensesame"))
        #expect("\(secret)" == "•••")
        #expect(try secret.reveal() == "opensesame")
    }

    @Test func `a secret in a file is read anew each time, without the line break`() async throws {
        try await withFiles(["password": "one\r\n"]) { files in
            let secret = Secret([.text("<"), .file(files["password"]), .text(">")])
            #expect(try secret.reveal() == "<one>")
            try files.write(" two\n\n", "password")
            #expect(try secret.reveal() == "< two>")
            try files.remove("password")
            let error = #expect(throws: Secret.Unavailable.self) { try secret.reveal() }
            #expect(
                error?.description
                    == "the file \"\(files["password"])\" that holds a secret cannot be read: no such file")
        }
    }

    @Test(arguments: [
        ("https://id.example/token", true, "id.example", 443, "/token"),
        ("http://127.0.0.1:8080", false, "127.0.0.1", 8080, "/"),
        ("https://[::1]:8443/a/b?c=d%20e", true, "::1", 8443, "/a/b?c=d%20e"),
        ("HTTPS://id.example:443/?x", true, "id.example", 443, "/?x"),
    ])
    func `an address is taken apart`(text: String, usesTLS: Bool, host: String, port: Int, target: String) throws {
        let address = try #require(HTTPAddress(text))
        #expect(address.usesTLS == usesTLS)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.target == target)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.255.1.2", true), ("localhost", true), ("LOCALHOST", true), ("[::1]", true),
        ("127.0.0.1.attacker.example", false), ("127.example", false), ("127.0.0.1x", false), ("127.0.0", false),
        ("127.0.0.256", false), ("127.0.0.01", false), ("0127.0.0.1", false), ("localhost.example", false),
        ("127.0.0.1.", false), ("127.+1.0.1", false), ("128.0.0.1", false), ("[::2]", false),
    ])
    func `only an address of this machine is one that stays here`(host: String, stays: Bool) {
        #expect((HTTPAddress("http://\(host):8080/")?.isLoopback ?? false) == stays)
    }

    @Test(arguments: [
        "", "id.example", "ftp://id.example", "https://", "https://me:pw@id.example/", "https://a b/",
        "https://id.example/#x",
    ])
    func `what is no address is refused`(text: String) {
        #expect(HTTPAddress(text) == nil)
    }

    @Test(arguments: [
        ("traceId", "abc 1", true), ("auth", "x", false), ("", "x", false), ("a-b", "x", false), ("a1", "x", false),
        ("a", "", false), ("a", "\u{1}", false), ("a", "ü", false),
    ])
    func `extensions are what RFC 7628 lets them be`(name: String, value: String, isGood: Bool) {
        #expect((OAuthSettings.problem(withExtension: name, value: value) == nil) == isGood)
    }
}
