internal import Logging
internal import Synchronization

/// Tells the log once when a trouble begins and once when it is over, however many parts of a flow meet it and however
/// often.
final class TroubleLog: Sendable {
    enum Trouble: Hashable, Sendable {
        /// A broker of a cluster cannot be used.
        case broker(String, Int32)
        /// The clusters cannot be asked for their topics.
        case discovery
        /// A topic that holds the flow's state is gone, and cannot be filled again.
        case memory
    }

    private let logger: Logger
    /// The shards that are in each trouble.
    private let open = Mutex<[Trouble: Set<Int>]>([:])

    init(logger: Logger) {
        self.logger = logger
    }

    func began(_ trouble: Trouble, shard: Int = 0, _ error: String) {
        let isNews = open.withLock { open in
            let isNews = open[trouble, default: []].isEmpty
            open[trouble, default: []].insert(shard)
            return isNews
        }
        guard isNews else { return }
        switch trouble {
        case .broker(let cluster, let broker):
            logger.warning(
                "broker cannot be used, trying again",
                metadata: ["cluster": "\(cluster)", "broker": "\(broker)", "error": "\(error)"])
        case .discovery: logger.warning("discovery failed, trying again", metadata: ["error": "\(error)"])
        case .memory:
            logger.warning(
                "a topic that holds the flow's state is gone and cannot be filled again, trying again",
                metadata: ["error": "\(error)"])
        }
    }

    func ended(_ trouble: Trouble, shard: Int = 0) {
        let isOver = open.withLock { open in
            guard open[trouble]?.remove(shard) != nil else { return false }
            guard open[trouble]?.isEmpty == true else { return false }
            open[trouble] = nil
            return true
        }
        guard isOver else { return }
        switch trouble {
        case .broker(let cluster, let broker):
            logger.info("broker can be used again", metadata: ["cluster": "\(cluster)", "broker": "\(broker)"])
        case .discovery: logger.info("discovery works again")
        case .memory: logger.info("the flow's state is recorded again")
        }
    }

    /// Forgets a trouble with nobody being told: what it was about is gone.
    func forget(shard: Int) {
        open.withLock { open in
            for trouble in open.keys { open[trouble]?.remove(shard) }
            open = open.filter { !$0.value.isEmpty }
        }
    }
}
