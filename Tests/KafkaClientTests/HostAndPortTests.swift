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
