/// The partitions that a status document lists. Flows of ten thousand partitions make long documents.
public enum PartitionSelection: Sendable, Hashable {
    case all
    /// Partitions that have stopped or make no progress.
    case problems
    case topic(String)
}
