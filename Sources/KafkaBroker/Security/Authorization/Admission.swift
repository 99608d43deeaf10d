import KafkaWire

/// A request, reduced to what its caller may do.
///
/// The rules are here, request by request, and not in the handlers: a handler sees the part of its request that is
/// permitted, and what is to be said about the rest goes into its answer afterwards.
enum Admission<Response> {
    case whole
    /// The request was reduced to what is permitted; the answer is completed with the rest.
    case part(complete: (inout Response) -> Void)
    case refused(Response)
}

/// A request that is checked against the caller's permissions.
protocol AuthorizedRequest: KafkaRequest {
    /// Removes what the caller may not do, or refuses the request. Called for every request, also where everybody may
    /// do everything.
    mutating func admit(_ context: RequestContext) -> Admission<Response>
}

/// A request that anybody may send.
protocol UnrestrictedRequest: AuthorizedRequest {}

extension UnrestrictedRequest {
    func admit(_ context: RequestContext) -> Admission<Response> { .whole }
}

extension Array {
    /// Removes the elements that do not satisfy a condition, and returns them.
    mutating func extract(where isRefused: (Element) -> Bool) -> [Element] {
        let refused = filter(isRefused)
        if !refused.isEmpty { removeAll(where: isRefused) }
        return refused
    }
}

extension Caller {
    /// Takes the resources that the caller may not use out of a list. One without a name stays: it is an unknown topic
    /// id, which its handler tells to be so, since ids are no secret.
    func extract<Element>(
        from list: inout [Element], unless operation: ACLOperation, on type: ACLResourceType,
        _ name: (Element) -> String?
    ) -> [Element] {
        guard isRestricted else { return [] }
        // One decision per name, however often it occurs.
        var decisions: [ExactName: Bool] = [:]
        return list.extract { element in
            guard let name = name(element) else { return false }
            if let known = decisions[name] { return !known }
            let allowed = may(operation, type, name)
            decisions[name] = allowed
            return !allowed
        }
    }
}
