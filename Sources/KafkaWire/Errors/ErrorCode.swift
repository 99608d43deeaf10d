/// A Kafka error code. The set is open: a code that this version does not know survives and prints as its number.
public struct ErrorCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int16

    public init(rawValue: Int16) {
        self.rawValue = rawValue
    }

    /// True if Kafka calls the error retriable at all. What to do about it still depends on the request that met it.
    public var isRetriable: Bool { Self.retriable.contains(self) }

    /// The code with Kafka's symbolic name, such as `NOT_LEADER_OR_FOLLOWER`; nil without one.
    public init?(named name: String) {
        guard let code = Self.names.first(where: { $0.value == name })?.key else { return nil }
        self = code
    }

    /// Kafka's symbolic name.
    public var name: String { Self.names[self] ?? "UNKNOWN_ERROR_CODE" }
}

extension ErrorCode: CustomStringConvertible {
    public var description: String { "\(name) (\(rawValue))" }
}

extension WireCoder {
    /// An error code, an `int16` on the wire.
    public mutating func errorCode(_ value: inout ErrorCode) throws(WireError) {
        var raw = value.rawValue
        try int16(&raw)
        value = ErrorCode(rawValue: raw)
    }
}
