import KafkaWire

// DescribeCluster: 0-2.
//
// - Endpoint type 2 (controllers) is UNSUPPORTED_ENDPOINT_TYPE: the nodes have no controller listeners.
// - A stopped node is left out unless fenced brokers are asked for (version 2).

extension DescribeClusterRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeClusterResponse {
        var response = DescribeClusterResponse()
        response.errorCode = error
        response.endpointType = endpointType
        return response
    }
}

extension Cluster {
    func describeCluster(_ request: DescribeClusterRequest, _ context: RequestContext) -> DescribeClusterResponse {
        var response = DescribeClusterResponse()
        response.endpointType = request.endpointType
        guard request.endpointType == 1 else {
            response.errorCode = request.endpointType == 2 ? .mismatchedEndpointType : .unsupportedEndpointType
            response.errorMessage = "The request was sent to an endpoint of type BROKER"
            return response
        }
        response.clusterID = id
        response.controllerID = controllerID
        let nodes = request.includeFencedBrokers ? self.nodes : liveNodes
        response.brokers = nodes.map { node in
            var broker = DescribeClusterResponse.DescribeClusterBroker()
            broker.brokerID = node.id
            broker.host = advertisedHost(of: node, context)
            broker.port = advertisedPort(of: node, context)
            broker.rack = node.rack
            broker.isFenced = !node.isLive
            return broker
        }
        return response
    }
}
