import Foundation
import KafkaWire
import NIOCore

/// The values beside a golden message, and their comparison with what we decode.
enum JSONValue: Decodable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(parsing text: Substring) throws {
        self = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }
}

extension JSONValue {
    /// Where `value`, one of our messages or a field of one, does not hold what this says; field by field, by name.
    func differences(from value: Any, at path: String = "") -> [String] {
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .optional {
            guard let wrapped = mirror.children.first?.value else {
                if case .null = self { return [] }
                return ["\(path): null, not \(self)"]
            }
            return differences(from: wrapped, at: path)
        }
        switch (self, value) {
        case (.bool(let expected), let value as Bool): return expected == value ? [] : ["\(path): \(value)"]
        case (.integer(let expected), let value as any FixedWidthInteger):
            return expected == Int64(value) ? [] : ["\(path): \(value), not \(expected)"]
        case (.integer(let expected), let value as ErrorCode):
            return expected == Int64(value.rawValue) ? [] : ["\(path): \(value), not \(expected)"]
        case (.number(let expected), let value as Double):
            return expected == value ? [] : ["\(path): \(value), not \(expected)"]
        case (.string(let expected), let value as String):
            return expected == value ? [] : ["\(path): \(value), not \(expected)"]
        case (.string(let expected), let value as ByteBuffer):
            return expected == value.goldenHex ? [] : ["\(path): \(value.goldenHex), not \(expected)"]
        case (.string(let expected), let value as RecordBytes):
            return expected == value.contiguous.goldenHex ? [] : ["\(path): other records"]
        case (.string(let expected), let value as KafkaUUID):
            let hex = ByteBuffer(integer: value.high).goldenHex + ByteBuffer(integer: value.low).goldenHex
            return expected == hex ? [] : ["\(path): \(hex), not \(expected)"]
        case (.array(let expected), _) where mirror.displayStyle == .collection:
            let elements = mirror.children.map(\.value)
            guard elements.count == expected.count else { return ["\(path): \(elements.count) elements"] }
            return zip(expected, elements).enumerated().flatMap { index, pair in
                pair.0.differences(from: pair.1, at: "\(path)[\(index)]")
            }
        case (.object(let expected), _) where mirror.displayStyle == .struct:
            let named = mirror.children.map { (Self.normal($0.label ?? ""), $0.value) }
            let fields = Dictionary(uniqueKeysWithValues: named)
            return expected.flatMap { name, value in
                guard let field = fields[Self.normal(name)] else { return ["\(path): no field \(name)"] }
                return value.differences(from: field, at: "\(path).\(name)")
            }
        default: return ["\(path): \(value), not \(self)"]
        }
    }

    /// Our names differ from Kafka's in case only, as in `topicID` for `TopicId`.
    private static func normal(_ name: String) -> String { name.lowercased() }
}
