import KafkaWire
import NIOCore

// ApiVersions: 0-5.
//
// - Advertises exactly the routes of this broker, each with the versions that work.
// - An unknown version is answered in version 0 with UNSUPPORTED_VERSION and the range of this API (KIP-511).
// - From version 3 a client must name its software in Kafka's pattern, else INVALID_REQUEST.
// - Tells the features of the release (``BrokerFeature``). Clients before version 4 may take a lowest level of 0 for a
//   broken answer, and are not told of such features as supported (KAFKA-17011).
// - Version 5, which no release has offered yet, may name the cluster and the broker that the client means: REBOOTSTRAP_REQUIRED
//   where it has reached another (KIP-1242).

extension ApiVersionsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> ApiVersionsResponse {
        var response = ApiVersionsResponse()
        response.errorCode = error
        return response
    }
}

extension Cluster {
    func apiVersions(
        _ request: ApiVersionsRequest, _ context: RequestContext,
        _ advertised: [(api: ApiKey, versions: ClosedRange<Int16>)]
    ) -> ApiVersionsResponse {
        var response = ApiVersionsResponse()
        if context.version >= 3,
            !request.clientSoftwareName.isSoftwareName || !request.clientSoftwareVersion.isSoftwareName
        {
            response.errorCode = .invalidRequest
            return response
        }
        let isAnotherCluster = request.clusterID.map { $0 != id } ?? false
        if isAnotherCluster || request.nodeID >= 0 && request.nodeID != context.node.id {
            response.errorCode = .rebootstrapRequired
            return response
        }
        response.apiKeys = advertised.map { .init($0.api, $0.versions) }
        response.addFeatures(of: release, version: context.version)
        return response
    }
}

extension ApiVersionsResponse {
    fileprivate mutating func addFeatures(of release: BrokerRelease, version: Int16) {
        for feature in BrokerFeature.allCases {
            guard let levels = release.supported(feature), levels.lowerBound > 0 || version >= 4 else { continue }
            var supported = SupportedFeatureKey()
            supported.name = feature.rawValue
            supported.minVersion = levels.lowerBound
            supported.maxVersion = levels.upperBound
            supportedFeatures.append(supported)
        }
        for feature in BrokerFeature.allCases where release.level(of: feature) > 0 {
            var finalized = FinalizedFeatureKey()
            finalized.name = feature.rawValue
            finalized.minVersionLevel = release.level(of: feature)
            finalized.maxVersionLevel = release.level(of: feature)
            finalizedFeatures.append(finalized)
        }
        // They never change.
        finalizedFeaturesEpoch = 0
    }
}

extension ApiVersionsResponse {
    /// The frame that answers a version of ApiVersions that this broker does not know.
    static func unsupportedVersion(_ router: RequestRouter, correlationID: Int32) -> [ByteBuffer]? {
        var response = ApiVersionsResponse()
        response.errorCode = .unsupportedVersion
        response.apiKeys = router.advertised.filter { $0.api == .apiVersions }.map { .init($0.api, $0.versions) }
        // Version 0 of this answer has two fields that every value of theirs fits.
        return try? response.encodeFrame(version: 0, correlationID: correlationID)
    }
}

extension ApiVersionsResponse.ApiVersion {
    init(_ api: ApiKey, _ versions: ClosedRange<Int16>) {
        self.init()
        apiKey = api.rawValue
        minVersion = versions.lowerBound
        maxVersion = versions.upperBound
    }
}

extension String {
    /// KIP-511: `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`.
    fileprivate var isSoftwareName: Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        guard let first = utf8.first, let last = utf8.last, isAlphanumeric(first), isAlphanumeric(last) else {
            return false
        }
        return utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    }
}
