public import KafkaWire
import Synchronization

/// The action on an intercepted request instead of, or before, its usual handling.
public enum InterceptAction: Hashable, Sendable {
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

/// A fault that waits for the requests it is meant for.
public struct Interception: Hashable, Sendable {
    public let api: ApiKey
    /// Nil for every node.
    public let node: Int32?
    /// Only requests that name this topic; nil for all.
    public let topic: String?
    /// The number of requests that it is still meant for.
    public internal(set) var remaining: Int
    public let action: InterceptAction
}

/// Faults waiting for the requests they are meant for.
///
/// Behind a lock rather than on the event loop, so that a fault is in force when `intercept` returns.
final class Interceptions: Sendable {
    private let rules = Mutex<[Interception]>([])

    func add(_ rule: Interception) {
        guard rule.remaining > 0 else { return }
        rules.withLock { $0.append(rule) }
    }

    func removeAll() {
        rules.withLock { $0.removeAll() }
    }

    var waiting: [Interception] { rules.withLock { $0 } }

    /// The oldest fault meant for this request, which is then used up once.
    ///
    /// - Parameter topics: the topics that the request names; asked for only if a fault depends on it.
    func next(for api: ApiKey, node: Int32, topics: () -> Set<String>) -> InterceptAction? {
        rules.withLock { rules in
            var named: Set<String>?
            func isMeant(_ rule: Interception) -> Bool {
                guard rule.api == api, (rule.node ?? node) == node else { return false }
                guard let topic = rule.topic else { return true }
                let found = named ?? topics()
                named = found
                return found.contains(topic)
            }
            guard let index = rules.firstIndex(where: isMeant) else { return nil }
            rules[index].remaining -= 1
            let action = rules[index].action
            if rules[index].remaining == 0 { rules.remove(at: index) }
            return action
        }
    }
}
