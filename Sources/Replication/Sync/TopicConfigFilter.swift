/// Which of a source topic's settings a new target topic receives.
///
/// MirrorMaker 2's `DefaultConfigPropertyFilter` leaves the same ones out: they speak of one cluster's brokers, or
/// would make the copy behave differently from what its own cluster intends.
enum TopicConfigFilter {
    private static let excluded: Set<String> = [
        "follower.replication.throttled.replicas", "leader.replication.throttled.replicas",
        "message.timestamp.difference.max.ms", "message.timestamp.type", "unclean.leader.election.enable",
        "min.insync.replicas",
    ]

    static func copies(_ name: String) -> Bool {
        !excluded.contains(name)
    }
}
