public import KafkaWire
import Synchronization

/// What happens to an intercepted request instead of, or before, its usual handling.
public enum InterceptAction: Sendable {
    /// Answered with this error in every part of the answer; not handled.
    case error(ErrorCode)
    /// Handled after a wait; the connection's later requests wait too.
    case delay(Duration)
    /// Handled, but its answer is lost: the client waits in vain.
    case drop
    /// The connection is cut; the request is not handled.
    case disconnect
    /// The request is handled and the connection cut instead of the answer: the client cannot know the outcome.
    case disconnectAfterHandling
}

/// Faults waiting for the requests they are meant for.
///
/// Behind a lock rather than on the event loop, so that a fault is in force when `intercept` returns.
final class Interceptions: Sendable {
    private struct Rule {
        let api: ApiKey
        let node: Int32?
        var remaining: Int
        let action: InterceptAction
    }

    private let rules = Mutex<[Rule]>([])

    func add(_ api: ApiKey, times: Int, node: Int32?, _ action: InterceptAction) {
        guard times > 0 else { return }
        rules.withLock { $0.append(Rule(api: api, node: node, remaining: times, action: action)) }
    }

    func removeAll() {
        rules.withLock { $0.removeAll() }
    }

    /// The oldest fault meant for this request, which is then used up once.
    func next(for api: ApiKey, node: Int32) -> InterceptAction? {
        rules.withLock { rules in
            guard let index = rules.firstIndex(where: { $0.api == api && ($0.node ?? node) == node }) else {
                return nil
            }
            rules[index].remaining -= 1
            let action = rules[index].action
            if rules[index].remaining == 0 { rules.remove(at: index) }
            return action
        }
    }
}
