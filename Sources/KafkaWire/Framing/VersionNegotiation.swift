/// The versions that a broker says it speaks, and the version to use with it for each request.
public struct NegotiatedVersions: Hashable, Sendable {
    private let ranges: [ApiKey: ClosedRange<Int16>]
    /// Features by name, each with the levels that the broker knows; empty before Kafka 2.7 (KIP-584).
    public let supportedFeatures: [String: ClosedRange<Int16>]

    /// - Parameter response: entries whose range is upside down are left out.
    public init(_ response: ApiVersionsResponse) {
        var features: [String: ClosedRange<Int16>] = [:]
        for feature in response.supportedFeatures where feature.minVersion <= feature.maxVersion {
            features[feature.name] = feature.minVersion...feature.maxVersion
        }
        supportedFeatures = features
        var ranges: [ApiKey: ClosedRange<Int16>] = [:]
        for api in response.apiKeys where api.minVersion <= api.maxVersion {
            ranges[ApiKey(rawValue: api.apiKey)] = api.minVersion...api.maxVersion
        }
        self.ranges = ranges
    }

    public func range(of api: ApiKey) -> ClosedRange<Int16>? { ranges[api] }

    /// The highest version that both sides define, within `bounds`; nil when there is none.
    public func version<Request: KafkaRequest>(
        of request: Request.Type, within bounds: ClosedRange<Int16>? = nil
    ) -> Int16? {
        guard let theirs = ranges[Request.apiKey] else { return nil }
        var low = max(theirs.lowerBound, Request.versions.range.lowerBound)
        var high = min(theirs.upperBound, Request.versions.range.upperBound)
        if let bounds {
            low = max(low, bounds.lowerBound)
            high = min(high, bounds.upperBound)
        }
        return low <= high ? high : nil
    }
}
