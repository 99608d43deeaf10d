import KafkaWire

// ListConfigResources: 0-1. Version 0 is ListClientMetricsResources.
//
// - Topics, brokers, brokers' loggers, groups that have settings; nothing for subscriptions to metrics, of which there are
//   none.
// - A type that Kafka does not know is UNSUPPORTED_VERSION.

extension ListConfigResourcesRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> ListConfigResourcesResponse {
        var response = ListConfigResourcesResponse()
        response.errorCode = error
        return response
    }
}

extension Cluster {
    /// Kafka's numbers of the types that can be listed: topic, broker, broker logger, client metrics, group.
    private static let listedTypes: [Int8] = [2, 4, 8, 16, 32]

    func listConfigResources(
        _ request: ListConfigResourcesRequest, _ context: RequestContext
    ) -> ListConfigResourcesResponse {
        var types = context.version == 0 ? [16] : Set(request.resourceTypes)
        if types.isEmpty { types = Set(Self.listedTypes) }
        guard types.isSubset(of: Self.listedTypes) else { return request.refused(.unsupportedVersion) }
        var response = ListConfigResourcesResponse()
        for type in types.sorted() {
            response.configResources += names(ofType: type).map { name in
                var resource = ListConfigResourcesResponse.ConfigResource()
                resource.resourceName = name
                resource.resourceType = type
                return resource
            }
        }
        return response
    }

    private func names(ofType type: Int8) -> [String] {
        switch type {
        case 2: topics.values.map(\.name).sorted()
        case 4, 8: nodes.map { String($0.id) }
        case 32: configs.group.keys.map(\.text).sorted()
        default: []
        }
    }
}
