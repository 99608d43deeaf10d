/// Name of the topic on the target that `doctor` tries out a cluster with, and deletes again.
enum ProbeTopic {
    static func name(flow: String) -> String { "__replicator.\(flow).probe" }
}
