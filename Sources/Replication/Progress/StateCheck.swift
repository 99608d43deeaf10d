internal import FoundationEssentials
internal import KafkaClient
internal import NIOCore

/// Flaw of a stored record that this program did not write, or that is damaged.
package struct ImpossibleState: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// Checks on what is read from state topics: anybody who may write there can put anything into them.
package enum StateCheck {
    /// The largest value taken apart, in bytes; ours stay far below.
    private static let largestValue = 4 << 20

    /// JSON with its keys in one order, so that what is equal has equal bytes.
    static func json(_ value: some Encodable) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(value))
    }

    /// The value as it was stored in JSON.
    static func decode<Value: Decodable>(_ type: Value.Type, from bytes: ByteBuffer) throws -> Value {
        guard bytes.readableBytes <= largestValue else {
            throw ImpossibleState("its value has \(bytes.readableBytes) bytes")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes.readableBytesView))
        } catch let error as DecodingError {
            throw ImpossibleState(error.words)
        }
    }

    static func version(_ found: Int, is known: Int) throws(ImpossibleState) {
        guard found == known else {
            throw ImpossibleState("its version is \(found), and this program knows version \(known)")
        }
    }

    /// Characters of the name of a preparation, at most.
    private static let longestMark = 100

    static func mark(_ text: String?) throws(ImpossibleState) {
        guard (1...longestMark).contains(text?.utf8.count ?? 1) else {
            throw ImpossibleState("the name of its preparation has \(text?.utf8.count ?? 0) bytes")
        }
    }

    /// - Parameter allowsNone: -1 stands for none.
    package static func offset(
        _ value: Int64, _ name: String, allowsNone: Bool = false
    ) throws(ImpossibleState) {
        guard LogOffset.isPlausible(value), value >= 0 || allowsNone else {
            throw ImpossibleState("\(name) is \(value)")
        }
    }

    package static func epoch(_ value: Int32, _ name: String) throws(ImpossibleState) {
        guard value >= -1 else { throw ImpossibleState("\(name) is \(value)") }
    }
}

extension DecodingError {
    /// The mistake and its place, without the type names of the program.
    fileprivate var words: String {
        func place(_ context: Context) -> String {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            return path.isEmpty ? "" : " at \(path)"
        }
        return switch self {
        case .keyNotFound(let key, let context): "its value has no \(key.stringValue)\(place(context))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "its value does not fit\(place(context)): \(context.debugDescription)"
        case .dataCorrupted(let context): "its value is not ours\(place(context)): \(context.debugDescription)"
        @unknown default: "its value is not ours"
        }
    }
}
