/// The partitions that a status document lists. Flows of ten thousand partitions make long documents.
public enum PartitionSelection: Sendable, Hashable {
    case all
    /// Those that have stopped or stand still.
    case problems
    case topic(String)
}
