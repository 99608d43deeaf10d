import KafkaWire
import Logging
import NIOCore

// Beginning again at the bootstrap servers (`metadata.recovery.strategy=rebootstrap`, KIP-899 and KIP-1102). Known brokers
// that cannot be reached need none of it: the bootstrap servers are tried behind them anyway.
extension ClusterClient {
    /// Known brokers that can be reached and yet do not tell who the brokers are may be none of the cluster any more.
    func rebootstrapIfDue(after error: KafkaError) {
        switch error.reason {
        // Nobody was asked, or another cluster has answered, which is an answer.
        case .cancelled, .closed, .foreignCluster: return
        default: break
        }
        let now = NIODeadline.now()
        let begin = unansweredSince ?? now
        unansweredSince = begin
        let silence = Duration(now - begin)
        guard silence >= settings.rebootstrapTrigger else { return }
        unansweredSince = now
        rebootstrap(because: "no metadata for \(silence.components.seconds) s")
    }

    /// Forgets all brokers and closes the connections to them, so that the bootstrap servers are asked next.
    func rebootstrap(because reason: String) {
        guard !cache.snapshot.brokers.isEmpty else { return }
        logger.info("asking the bootstrap servers again", metadata: ["reason": "\(reason)"])
        cache.forgetBrokers()
        coordinators = [:]
        for connection in pool.removeAll() {
            connection.handler.value.close(
                because: .connection(.abandoned(because: "the bootstrap servers are asked again: \(reason)")))
        }
    }
}
