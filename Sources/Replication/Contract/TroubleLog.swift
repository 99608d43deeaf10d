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

    /// In place of a shard: the start of the flow, when there is none yet. The first shard that has no such trouble
    /// ends it.
    static let start = -1

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

    /// - Parameter reason: why nothing more will be heard of it, where that is its end.
    func ended(_ trouble: Trouble, shard: Int = 0, _ reason: String? = nil) {
        let isOver = open.withLock { open in
            guard open[trouble] != nil else { return false }
            let hadAtStart = open[trouble]?.remove(Self.start) != nil
            guard open[trouble]?.remove(shard) != nil || hadAtStart else { return false }
            guard open[trouble]?.isEmpty == true else { return false }
            open[trouble] = nil
            return true
        }
        guard isOver else { return }
        switch trouble {
        case .broker(let cluster, let broker):
            let place: Logger.Metadata = ["cluster": "\(cluster)", "broker": "\(broker)"]
            if let reason {
                logger.info("broker is not needed any more", metadata: place.merging(["reason": "\(reason)"]) { $1 })
            } else {
                logger.info("broker can be used again", metadata: place)
            }
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
