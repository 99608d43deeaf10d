import ForeignErrors
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@Suite struct ForeignErrorTests {
    /// What developers of libraries like to read, and nobody else.
    private static var raw: Regex<Substring> { /Error Domain|rawValue|\w\(|errno|routines|NIO|SSLError|Optional/ }

    private struct Wanted: Decodable {
        var name: String
        var list: [Int]
    }

    private static func decoding(_ json: String) -> any Error {
        do {
            _ = try JSONDecoder().decode(Wanted.self, from: Data(json.utf8))
            return CancellationError()
        } catch { return error }
    }

    private static func reading(_ path: String) -> any Error {
        do {
            _ = try String(contentsOfFile: path, encoding: .utf8)
            return CancellationError()
        } catch { return error }
    }

    static let errors: [(any Error, String)] = [
        (IOError(errnoCode: ECONNREFUSED, reason: "connect(descriptor:addr:size:)"), "connection refused"),
        (IOError(errnoCode: ENETUNREACH, reason: "connect"), "network is unreachable"),
        (ChannelError.connectTimeout(.seconds(10)), "no connection within 10.0 s"),
        (ChannelError.ioOnClosedChannel, "the connection was closed"),
        (ChannelError.inappropriateOperationForState, "the connection failed"),
        (SocketAddressError.failedToParseIPString("1.2"), "\"1.2\" is no IP address"),
        (
            NIOSSLError.uncleanShutdown,
            "the other side closed the connection without the closing message that TLS requires"
        ),
        (
            NIOSSLError.handshakeFailed(.sslError([.eofDuringHandshake])),
            "the other side closed the connection during the handshake"
        ),
        (BoringSSLError.sslError([]), "TLS failed"),
        (BoringSSLError.zeroReturn, "the other side ended the connection"),
        (CancellationError(), "cancelled"),
        (decoding("nothing"), "it is no JSON"),
        (decoding(#"{"name":"x"}"#), "there is no field list"),
        (decoding(#"{"name":1,"list":[]}"#), "field name is no String"),
        (decoding(#"{"name":"x","list":[1,"y"]}"#), "field list.1 is no Int"),
        (decoding(#"{"name":null,"list":[]}"#), "field name is null"),
        (reading("/nowhere/at/all"), "no such file"),
    ]

    @Test(arguments: errors.indices) func `errors of others are told in words`(index: Int) {
        let (error, words) = Self.errors[index]

        #expect(ForeignError.words(error) == words)
        #expect(ForeignError.words(error).firstMatch(of: Self.raw) == nil)
    }

    @Test func `a host that nobody knows is told in the resolver's words`() {
        // No name, so that nobody is asked for it.
        #expect {
            try SocketAddress.makeAddressResolvingHost("a..b", port: 1)
        } throws: { error in
            let words = ForeignError.words(error)
            return !words.isEmpty && words.firstMatch(of: Self.raw) == nil
        }
    }

    @Test func `a directory that is read as a file is told in words`() {
        let words = ForeignError.words(Self.reading("/"))

        #expect(!words.contains("rawValue") && !words.contains("Domain"))
    }
}
