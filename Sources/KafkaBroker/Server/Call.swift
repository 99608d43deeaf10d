import KafkaWire
import NIOCore

/// The caller of a request, its version, and the node that it came through.
struct RequestContext {
    let header: RequestHeader
    let node: Node
    let cluster: Cluster
    /// The peer's address without its port, as group descriptions show it.
    let clientHost: String
    /// The address at which the client reached this node.
    let localHost: String?
    /// The connection's listener, and who the client is.
    let authentication: ConnectionAuthentication
    /// The bytes of the request's frame.
    let requestSize: Int
    /// Lets the connection rest, after the answer, for so many milliseconds.
    let mute: (Int64) -> Void
    /// Closes the connection.
    let disconnect: () -> Void

    var version: Int16 { header.apiVersion }
    var principal: Principal { authentication.principal }
    var clientID: String { header.clientID ?? "" }
}

/// A request that awaits its answer, as its connection sees it.
protocol PendingCall: AnyObject {
    /// The connection is gone: whatever waits on behalf of this request is let go.
    func abandon()
}

/// One request being answered: what its handler knows about it, and the only way to answer, once.
///
/// A handler may answer at once or keep the call until something happens (a long poll, a rebalance). The
/// connection takes up its next request when this one is answered.
final class Call<Response: KafkaResponse>: PendingCall {
    let context: RequestContext
    /// Runs when the client disconnects before the answer.
    var onAbandon: (() -> Void)?
    /// Adds to the answer what the handler had no part in: what the caller may not do.
    var complete: ((inout Response) -> Void)?
    private var finish: ((Response?) -> Void)?
    private var busySince: NIODeadline?
    private var busyBefore = TimeAmount.zero

    init(_ context: RequestContext, finish: @escaping (Response?) -> Void) {
        self.context = context
        self.finish = finish
    }

    var version: Int16 { context.version }
    var node: Node { context.node }
    var isOpen: Bool { finish != nil }

    /// Answers; a second answer is ignored.
    func reply(_ response: Response) {
        guard isOpen else { return }
        var response = response
        complete?(&response)
        complete(with: response.throttled(by: context.countAgainstQuotas(busy: busyTime)))
    }

    /// Completes a request that has no answer, as Produce with `acks` 0. What there would have been to say about things
    /// that are not permitted ends the connection.
    func replyNothing() {
        guard complete == nil else { return disconnect() }
        _ = context.countAgainstQuotas(busy: busyTime)
        complete(with: nil)
    }

    /// Runs the handler, and remembers how long it keeps the thread.
    func run(_ handler: () -> Void) {
        guard !context.cluster.quotas.isEmpty else { return handler() }
        let start = NIODeadline.now()
        busySince = start
        handler()
        busySince = nil
        busyBefore = .now() - start
    }

    private var busyTime: TimeAmount { busySince.map { .now() - $0 } ?? busyBefore }

    /// Ends the connection instead of answering: the only way to report an error to who wants no answer.
    func disconnect() {
        context.disconnect()
    }

    func abandon() {
        finish = nil
        let action = onAbandon
        onAbandon = nil
        action?()
    }

    private func complete(with response: Response?) {
        guard let finish else { return }
        self.finish = nil
        onAbandon = nil
        finish(response)
    }
}
