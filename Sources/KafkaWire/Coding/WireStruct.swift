/// A piece of the protocol whose wire form is described once, for both directions.
///
/// `code(_:)` names the fields in wire order. The same function reads, writes, samples and traces, so what is
/// written can always be read back and cannot drift from it.
public protocol WireStruct: Sendable, Hashable {
    /// A value in which every field has the protocol's default.
    init()

    /// Passes every untagged field through the coder, in wire order.
    mutating func code(_ wire: inout WireCoder) throws(WireError)

    /// Passes every tagged field (KIP-482) through `tags`; only called in flexible versions.
    mutating func codeTags(_ tags: inout WireTags) throws(WireError)
}

extension WireStruct {
    public mutating func codeTags(_ tags: inout WireTags) throws(WireError) {}
}

/// A request or response body.
public protocol KafkaMessage: WireStruct {
    static var apiKey: ApiKey { get }
    static var versions: ApiVersions { get }
}

public protocol KafkaRequest: KafkaMessage {
    associatedtype Response: KafkaResponse
}

public protocol KafkaResponse: KafkaMessage {}

/// The versions in which a message is defined, and the first of them with compact lengths and tagged fields.
public struct ApiVersions: Hashable, Sendable {
    public let range: ClosedRange<Int16>
    /// Nil when no version is flexible.
    public let flexibleFrom: Int16?

    public init(_ range: ClosedRange<Int16>, flexibleFrom: Int16?) {
        self.range = range
        self.flexibleFrom = flexibleFrom
    }

    public func isFlexible(_ version: Int16) -> Bool {
        guard let flexibleFrom else { return false }
        return version >= flexibleFrom
    }
}

/// A 128-bit identifier, as the protocol carries topic ids (KIP-516). All zero means "none".
public struct KafkaUUID: Hashable, Sendable {
    public var high: UInt64
    public var low: UInt64

    public static let zero = KafkaUUID(high: 0, low: 0)

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
