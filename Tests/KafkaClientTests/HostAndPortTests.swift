import KafkaClient
import Testing

@Suite struct HostAndPortTests {
    @Test(arguments: [
        ("b1:9092", "b1", 9092), ("10.0.0.1:1", "10.0.0.1", 1), ("[::1]:9092", "::1", 9092),
        ("[2001:db8::7]:65535", "2001:db8::7", 65535),
    ])
    func `an address is read and written back`(text: String, host: String, port: Int) throws {
        let address = try #require(HostAndPort(text))
        #expect(address == HostAndPort(host: host, port: port))
        #expect(address.description == text)
    }

    @Test(arguments: ["", "b1", ":9092", "b1:", "b1:0", "b1:65536", "b1:x", "::1:9092", "[]:1", "b 1:9092", "b1:-5"])
    func `anything else is refused`(text: String) {
        #expect(HostAndPort(text) == nil)
    }
}

extension HostAndPortTests {
    @Test(arguments: [70_000, -1, 0, 65_536, Int(Int32.max), Int(Int32.min)])
    func `an address that a broker tells with a port that is none cannot be tried`(port: Int) {
        #expect(HostAndPort(host: "127.0.0.1", port: port).flaw?.contains("\(port)") == true)
    }

    @Test(arguments: ["", " ", "a b", "a\nb", "a\u{0}", String(repeating: "x", count: 256)])
    func `nor can one with a host name that is none`(host: String) {
        #expect(HostAndPort(host: host, port: 9092).flaw != nil)
    }

    @Test(arguments: ["b1", "127.0.0.1", "::1", "bücher.example"]) func `others can`(host: String) {
        #expect(HostAndPort(host: host, port: 65_535).flaw == nil)
    }
}
