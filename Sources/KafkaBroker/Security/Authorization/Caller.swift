import KafkaWire

/// The sender of a request, and what it may do.
struct Caller {
    let principal: Principal
    let host: String
    /// Nil when everybody may do everything.
    let authorizer: Authorizer?
    let release: BrokerRelease

    /// There are limits, so that it is worth looking at each resource.
    var isRestricted: Bool { authorizer != nil }

    func may(_ operation: ACLOperation, _ type: ACLResourceType, _ name: String) -> Bool {
        authorizer?.allows(principal, from: host, operation, type, name) ?? true
    }

    func may(_ operation: ACLOperation, onCluster _: Void = ()) -> Bool {
        may(operation, .cluster, ACLPattern.clusterName)
    }

    /// Returns true if there is any resource of the type that allows it.
    func may(_ operation: ACLOperation, onAny type: ACLResourceType) -> Bool {
        authorizer?.allowsAny(principal, from: host, operation, type) ?? true
    }

    /// The operations that the caller may do with a resource: bit *n* stands for the operation with number *n*
    /// (KIP-430).
    func operations(on type: ACLResourceType, _ name: String) -> Int32 {
        type.operations(in: release).reduce(0) { bits, operation in
            may(operation, type, name) ? bits | 1 << Int32(operation.rawValue) : bits
        }
    }

    var operationsOnCluster: Int32 { operations(on: .cluster, ACLPattern.clusterName) }
}

extension RequestContext {
    var caller: Caller {
        Caller(
            principal: principal, host: clientHost, authorizer: cluster.authorizer, release: cluster.release)
    }
}
