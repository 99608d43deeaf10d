import KafkaWire
import Testing

@Suite struct WireErrorTests {
    private func length(_ bytes: [UInt8]) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

    @Test(arguments: [
        (Array("HTTP".utf8), "an answer of HTTP: a web server listens there"),
        (Array("GET ".utf8), "a request of HTTP"),
        (Array("SSH-".utf8), "a greeting of SSH"),
        ([0x15, 3, 1, 0], "an alert of TLS: the listener speaks TLS, and was spoken to without"),
        ([0x15, 3, 3, 0], "an alert of TLS: the listener speaks TLS, and was spoken to without"),
        ([0x16, 3, 1, 2], "a handshake of TLS, where none is spoken"),
    ]) func `what is taken for the length of a frame is told as what it is`(bytes: [UInt8], words: String) {
        #expect("\(WireError.frameTooLarge(announced: length(bytes), limit: 1_000))" == words)
    }

    @Test func `another length is told as one`() {
        let error = WireError.frameTooLarge(announced: 2_000, limit: 1_000)

        #expect("\(error)" == "frame of 2000 bytes exceeds the limit of 1000")
    }
}
