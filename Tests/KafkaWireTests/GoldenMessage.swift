import Foundation
import KafkaWire
import NIOCore

/// A message that other software encoded, and the values that it encoded (Fixtures/make_golden.py).
struct GoldenMessage: Sendable {
    let message: DefinedMessage
    /// "full" or "sparse".
    let variant: String
    /// The foreign encoders that agreed on ``bytes``.
    let encoders: [String]
    let bytes: ByteBuffer
    /// By Kafka's field names.
    let values: JSONValue

    var description: String { "\(message) \(variant)" }

    static let all = Result {
        try ApiKey.definedRequests.flatMap { request in
            try ProtocolFixture.lines("golden/\(request.apiKey).txt").map { try GoldenMessage($0, api: request.apiKey) }
        }
    }

    private init(_ line: Substring, api: ApiKey) throws {
        let words = line.split(separator: " ", maxSplits: 5)
        message = DefinedMessage(api: api, kind: .init(rawValue: String(words[0]))!, version: Int16(words[1])!)
        variant = String(words[2])
        encoders = words[3].split(separator: ",").map(String.init)
        bytes = ByteBuffer(goldenHex: words[4])
        values = try JSONValue(parsing: words[5])
    }
}

/// The header of a request or response as other software encodes it.
struct GoldenMessageHeader: Sendable {
    let kind: DefinedMessage.Kind
    let version: Int
    let bytes: ByteBuffer
    let values: JSONValue

    static let all = Result {
        try ProtocolFixture.lines("golden/headers.txt").map { line in
            let words = line.split(separator: " ", maxSplits: 4)
            return GoldenMessageHeader(
                kind: .init(rawValue: String(words[0]))!, version: Int(words[1])!,
                bytes: ByteBuffer(goldenHex: words[3]), values: try JSONValue(parsing: words[4]))
        }
    }
}

extension ByteBuffer {
    /// "-" stands for no bytes.
    init(goldenHex text: Substring) {
        self.init()
        var digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }[...]
        while let high = digits.popFirst(), let low = digits.popFirst() {
            writeInteger(UInt8(high * 16 + low))
        }
    }

    var goldenHex: String {
        readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
