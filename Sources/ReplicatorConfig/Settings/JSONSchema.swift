/// A JSON Schema, as far as one is written here.
indirect enum JSONSchema: Sendable, Encodable {
    case object([String: JSONSchema])
    case list([JSONSchema])
    case text(String)
    case number(Int)
    case truth(Bool)

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .object(let members): try container.encode(members)
        case .list(let elements): try container.encode(elements)
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        case .truth(let truth): try container.encode(truth)
        }
    }

    static func type(_ names: String...) -> JSONSchema {
        names.count == 1 ? .text(names[0]) : .list(names.map { .text($0) })
    }
}
