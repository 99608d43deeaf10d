internal import FoundationEssentials
internal import KafkaBroker
internal import KafkaWire

/// The JSON object that a control request carries. Keys that it does not know are refused rather than ignored.
protocol ControlBody: Decodable {
    associatedtype CodingKeys: CodingKey, CaseIterable
}

extension ControlBody {
    /// - Parameter json: an empty body stands for an empty object.
    static func decode(_ json: [UInt8]) throws(ControlFailure) -> Self {
        let data = Data(json.isEmpty ? Array("{}".utf8) : json)
        do {
            let known = CodingKeys.allCases.map(\.stringValue)
            for key in try JSONDecoder().decode(ObjectKeys.self, from: data).names where !known.contains(key) {
                throw ControlFailure(
                    .invalidRequest,
                    "unknown key \"\(key)\"; known here: \(known.isEmpty ? "none" : known.joined(separator: ", "))")
            }
            return try JSONDecoder().decode(Self.self, from: data)
        } catch let failure as ControlFailure {
            throw failure
        } catch DecodingError.keyNotFound(let key, _) {
            throw ControlFailure(.invalidRequest, "\"\(key.stringValue)\" is missing")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            let key = context.codingPath.last?.stringValue
            throw ControlFailure(
                .invalidRequest, key.map { "\"\($0)\" has a value of another type" } ?? "the body is not a JSON object")
        } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
            throw ControlFailure(
                .invalidRequest, "\"\(context.codingPath.last?.stringValue ?? "")\": \(context.debugDescription)")
        } catch {
            throw ControlFailure(.invalidRequest, "the body is not valid JSON")
        }
    }
}

/// The keys of a JSON object, whatever they are.
private struct ObjectKeys: Decodable {
    struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    let names: [String]

    init(from decoder: any Decoder) throws {
        names = try decoder.container(keyedBy: Key.self).allKeys.map(\.stringValue).sorted()
    }
}

/// `POST /topics/TOPIC/markers`
struct MarkersBody: ControlBody {
    enum CodingKeys: String, CodingKey, CaseIterable { case refused }
    var refused: Bool
}

/// `POST /nodes/ID/stop`
struct StopBody: ControlBody {
    enum CodingKeys: String, CodingKey, CaseIterable { case controlled }
    var controlled: Bool?
}

/// `POST …/leader`
struct LeaderBody: ControlBody {
    enum CodingKeys: String, CodingKey, CaseIterable { case node }
    var node: Int32
}

/// `POST …/truncate`
struct TruncateBody: ControlBody {
    enum CodingKeys: String, CodingKey, CaseIterable { case offset }
    var offset: Int64
}

/// `POST …/expire`: one of the two.
struct ExpireBody: ControlBody {
    enum CodingKeys: String, CodingKey, CaseIterable { case offset, olderThan }
    var offset: Int64?
    /// Milliseconds since 1970.
    var olderThan: Int64?
}

/// `POST /clock`
struct ClockBody: ControlBody {
    enum CodingKeys: String, CodingKey, CaseIterable { case jumpMs }
    var jumpMs: Int64
}

/// `POST /disk`: nothing at all is a disk that works.
struct DiskBody: ControlBody {
    enum CodingKeys: String, CodingKey, CaseIterable { case delayMs, bytesLeft }
    var delayMs: Int?
    var bytesLeft: Int?
}

/// A request that takes nothing.
struct EmptyBody: ControlBody {
    enum CodingKeys: CodingKey, CaseIterable {}
    init(from decoder: any Decoder) throws {}
}
