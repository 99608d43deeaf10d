import KafkaWire
import Logging
import NIOCore

/// A request that can be refused as a whole: every part of its answer carries the error.
protocol RefusableRequest: KafkaRequest {
    func refused(_ error: ErrorCode) -> Response
}

/// The handling of one API: the versions this broker answers, and what reads and handles the request.
struct Route {
    /// The sending of the answer's bytes: nil when there is none to send.
    typealias Answer = ([ByteBuffer]?) -> Void

    let api: ApiKey
    private(set) var versions: ClosedRange<Int16>
    private var lowestTold: Int16?
    let isFlexible: (Int16) -> Bool
    let start: (RequestContext, ByteBuffer, @escaping Answer) throws(WireError) -> any PendingCall
    /// Answers every part of the request with one error, for fault injection.
    let refuse: (RequestContext, ByteBuffer, ErrorCode) throws(WireError) -> [ByteBuffer]
    /// The request itself, for faults that depend on what is asked.
    let decode: (ByteBuffer, Int16) throws(WireError) -> any KafkaRequest

    /// - Parameter versions: the versions advertised; those in which the request is defined, unless told.
    init<Request: RefusableRequest & AuthorizedRequest>(
        _ request: Request.Type, versions: ClosedRange<Int16>? = nil,
        handler: @escaping (Request, Call<Request.Response>) -> Void
    ) {
        api = Request.apiKey
        self.versions = versions ?? Request.versions.range
        isFlexible = Request.versions.isFlexible
        start = { (context, body, answer) throws(WireError) in
            var request: Request = try Self.request(body, context.version)
            let call = Call<Request.Response>(context) { response in
                answer(response.flatMap { Self.encode($0, for: context) })
            }
            switch request.admit(context) {
            case .whole: break
            case .part(let complete): call.complete = complete
            case .refused(let response):
                call.reply(response)
                return call
            }
            call.run { handler(request, call) }
            return call
        }
        decode = { (body, version) throws(WireError) in
            try Self.request(body, version) as Request
        }
        refuse = { (context, body, error) throws(WireError) in
            let request: Request = try Self.request(body, context.version)
            return try request.refused(error)
                .encodeFrame(version: context.version, correlationID: context.header.correlationID)
        }
    }

    private static func request<Request: KafkaRequest>(
        _ body: ByteBuffer, _ version: Int16
    ) throws(WireError) -> Request {
        try Request.decode(body, version: version, ignoringTrailingBytes: true, maxElements: mostElements)
    }

    /// Elements of a request's arrays: an empty string takes one byte on the wire, and many in memory and in the answer.
    private static var mostElements: Int { 1 << 19 }

    /// A request that is always answered at once.
    init<Request: RefusableRequest & AuthorizedRequest>(
        _ request: Request.Type, versions: ClosedRange<Int16>? = nil,
        answer: @escaping (Request, RequestContext) -> Request.Response
    ) {
        self.init(request, versions: versions) { request, call in call.reply(answer(request, call.context)) }
    }

    /// The same for clients of a release that are to see no version beyond `newest`; nil when none is left.
    ///
    /// - Parameter unstable: whether versions that the release has and calls unstable are offered, too.
    func offered(by release: BrokerRelease, upTo newest: Int16? = nil, unstable: Bool = false) -> Route? {
        guard let released = release.versions(of: api, unstable: unstable), released.overlaps(versions) else {
            return nil
        }
        var route = self
        route.versions = versions.clamped(to: released)
        if let newest {
            guard newest >= route.versions.lowerBound else { return nil }
            route.versions = route.versions.lowerBound...min(newest, route.versions.upperBound)
        }
        route.lowestTold = release.lowestTold(of: api)
        return route
    }

    /// The versions that ApiVersions tells of the route.
    var told: ClosedRange<Int16> { (lowestTold ?? versions.lowerBound)...versions.upperBound }

    /// An answer that cannot be written is our own error: it is too long for a field of its version.
    private static func encode(_ response: some KafkaResponse, for context: RequestContext) -> [ByteBuffer]? {
        do {
            return try response.encodeFrame(version: context.version, correlationID: context.header.correlationID)
        } catch {
            context.node.logger.error(
                "answer cannot be encoded",
                metadata: ["api": "\(context.header.apiKey) v\(context.version)", "reason": "\(error)"])
            return []
        }
    }
}
