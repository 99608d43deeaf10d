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

/// A request or response body: one value for all versions.
///
/// Fields have Kafka's names and defaults. A field that a version does not carry is not written in it, and is left at its
/// default when read.
public protocol KafkaMessage: WireStruct {
    static var apiKey: ApiKey { get }
    /// The versions that ``code(_:)`` describes.
    static var versions: ApiVersions { get }
}

public protocol KafkaRequest: KafkaMessage {
    /// The broker's answer, in the version of the request.
    associatedtype Response: KafkaResponse
}

/// The fields that responses have in common: `throttleTimeMs`, where they have it, is how long the broker held the
/// answer back, or
/// (from about 2018 on, KIP-219) how long the client should be silent, because of a quota. `errorMessage` is nil or empty
/// when the error code says enough.
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

extension KafkaUUID: CustomStringConvertible {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The form that Kafka's tools print: URL-safe base 64 without padding, 22 characters.
    public var description: String {
        // Six bits for each character; two are left for the last one, which has zeros behind them.
        let bits = UInt128(high) << 64 | UInt128(low)
        let whole = (1...21).map { Self.digits[Int(truncatingIfNeeded: bits >> (128 - 6 * UInt128($0))) & 63] }
        return String(decoding: whole + [Self.digits[Int(truncatingIfNeeded: bits & 3) << 4]], as: UTF8.self)
    }
}
