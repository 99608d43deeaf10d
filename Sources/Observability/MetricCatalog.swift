/// What each metric is: the one place that names them for `/metrics` and for the documentation.
public enum MetricCatalog {
    public enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    public struct Entry: Sendable {
        public let name: String
        public let kind: Kind
        public let help: String
    }

    public static let entries: [Entry] = [
        Entry(
            name: "replicator_replication_latency_seconds", kind: .histogram,
            help: "From a record's timestamp at the source to its acknowledgement by the target, newest of each batch."),
        Entry(
            name: "replicator_pipeline_latency_seconds", kind: .histogram,
            help: "From the arrival of a batch to its acknowledgement by the target: the part that is ours."),
        Entry(
            name: "replicator_message_lag", kind: .gauge,
            help: "Source offsets up to the high watermark that have not passed yet."),
        Entry(
            name: "replicator_bytes_in_total", kind: .counter, help: "Bytes of record batches read from the source."),
        Entry(
            name: "replicator_throughput_bytes_total", kind: .counter,
            help: "Bytes of record batches that the target has acknowledged."),
        Entry(
            name: "replicator_records_total", kind: .counter, help: "Records that the target has acknowledged."),
        Entry(
            name: "replicator_skipped_records_total", kind: .counter,
            help: "Source offsets that have no record on the target, by reason."),
        Entry(
            name: "replicator_batches_total", kind: .counter,
            help: "Batches taken in, by path (forward or rewrite) and by what made a rewrite necessary."),
        Entry(
            name: "replicator_failures_total", kind: .counter,
            help: "Partitions that have stopped, by reason."),
        Entry(
            name: "replicator_cluster_up", kind: .gauge,
            help: "1 when the last look at a cluster's metadata succeeded, else 0."),
        Entry(
            name: "replicator_auth_errors_total", kind: .counter,
            help: "Connections to a cluster that failed in TLS or SASL, or for want of credentials."),
    ]

    static func entry(_ name: String) -> Entry? {
        entries.first { $0.name == name }
    }
}
