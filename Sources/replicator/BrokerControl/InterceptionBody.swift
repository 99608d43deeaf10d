internal import KafkaBroker
internal import KafkaWire

/// An interception as JSON: what `POST /interceptions` takes and `GET /interceptions` lists.
///
/// ```json
/// {"api": "Produce", "action": "error", "error": "NOT_ENOUGH_REPLICAS", "times": 2, "node": 1, "topic": "orders"}
/// ```
struct InterceptionBody: ControlBody, Encodable {
    enum CodingKeys: String, CodingKey, CaseIterable { case api, action, error, delayMs, times, node, topic }
    enum Action: String, Codable, CaseIterable { case error, delay, drop, disconnect, disconnectAfterHandling }

    /// Kafka's name of the request.
    var api: String
    var action: String
    /// With action `error`: Kafka's name of the code.
    var error: String?
    /// With action `delay`.
    var delayMs: Int64?
    var times: Int?
    var node: Int32?
    var topic: String?

    init(_ interception: Interception) {
        api = "\(interception.api)"
        times = interception.remaining
        node = interception.node
        topic = interception.topic
        switch interception.action {
        case .error(let code):
            action = Action.error.rawValue
            error = code.name
        case .delay(let duration):
            action = Action.delay.rawValue
            delayMs = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        case .drop: action = Action.drop.rawValue
        case .disconnect: action = Action.disconnect.rawValue
        case .disconnectAfterHandling: action = Action.disconnectAfterHandling.rawValue
        }
    }

    func apiKey() throws(ControlFailure) -> ApiKey {
        guard let key = ApiKey(named: api) else {
            throw ControlFailure(
                .invalidRequest, "\"api\": there is no request \(api); Kafka's names are meant, such as Fetch")
        }
        return key
    }

    func count() throws(ControlFailure) -> Int {
        guard times ?? 1 > 0 else { throw ControlFailure(.invalidRequest, "\"times\" is at least 1") }
        return times ?? 1
    }

    func interceptAction() throws(ControlFailure) -> InterceptAction {
        guard let kind = Action(rawValue: action) else {
            let known = Action.allCases.map(\.rawValue).joined(separator: ", ")
            throw ControlFailure(.invalidRequest, "\"action\" is one of \(known), not \(action)")
        }
        guard error == nil || kind == .error else {
            throw ControlFailure(.invalidRequest, "\"error\" goes with action error")
        }
        guard delayMs == nil || kind == .delay else {
            throw ControlFailure(.invalidRequest, "\"delayMs\" goes with action delay")
        }
        switch kind {
        case .error:
            guard let error else { throw ControlFailure(.invalidRequest, "\"error\" is missing") }
            guard let code = ErrorCode(named: error) else {
                throw ControlFailure(
                    .invalidRequest, "\"error\": Kafka has no error \(error); an example is NOT_LEADER_OR_FOLLOWER")
            }
            return .error(code)
        case .delay:
            guard let delayMs, (0...3_600_000).contains(delayMs) else {
                throw ControlFailure(.invalidRequest, "\"delayMs\" is 0 to 3600000")
            }
            return .delay(.milliseconds(delayMs))
        case .drop: return .drop
        case .disconnect: return .disconnect
        case .disconnectAfterHandling: return .disconnectAfterHandling
        }
    }
}
