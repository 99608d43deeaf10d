/// Every metric with its kind and labels: the one place that names them for `/metrics`, the documentation, the
/// dashboard and the alerts.
public enum MetricCatalog {
    public enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    public struct Entry: Sendable {
        public let name: String
        public let kind: Kind
        /// Labels of every series, in the order in which they are written.
        public let labels: [String]
        public let help: String
    }

    public static let entries: [Entry] = [
        Entry(
            name: "replicator_replication_latency_seconds", kind: .histogram, labels: ["flow", "topic"],
            help: "From a record's timestamp at the source to its acknowledgement by the target, newest of each batch."),
        Entry(
            name: "replicator_pipeline_latency_seconds", kind: .histogram, labels: ["flow", "topic"],
            help: "From the arrival of a batch to its acknowledgement by the target: the part that is ours."),
        Entry(
            name: "replicator_message_lag", kind: .gauge, labels: ["flow", "topic"],
            help: "Source offsets up to the high watermark that have not passed yet."),
        Entry(
            name: "replicator_partitions_lag_unknown", kind: .gauge, labels: ["flow"],
            help:
                "Partitions whose lag is not known: the source does not say where their logs end, or no instance is known to copy them."
        ),
        Entry(
            name: "replicator_waiting_topics", kind: .gauge, labels: ["flow"],
            help: "Selected topics of which something cannot be copied for now; they are tried again."),
        Entry(
            name: "replicator_offsets_to_fill", kind: .gauge, labels: ["flow"],
            help:
                "Offsets to which the logs of copies that keep their offsets are yet to be brought, before records follow."
        ),
        Entry(
            name: "replicator_partitions_paused", kind: .gauge, labels: ["flow", "topic"],
            help: "Partitions that an operator has paused."),
        Entry(
            name: "replicator_topics_summed", kind: .gauge, labels: ["flow"],
            help: "Topics that share the series with the label topic=\"(others)\"."),
        Entry(
            name: "replicator_flow_state", kind: .gauge, labels: ["flow", "state"],
            help: "1 for the state in which the flow is, 0 for the others."),
        Entry(
            name: "replicator_flow_running", kind: .gauge, labels: ["flow"],
            help: "1 while the flow runs and nothing keeps it as a whole from its work, else 0."),
        Entry(
            name: "replicator_instance_info", kind: .gauge, labels: ["id", "address", "rack"],
            help: "Always 1: the id of this instance, and the address that it announces to the others."),
        Entry(
            name: "replicator_instance_partitions", kind: .gauge, labels: ["flow"],
            help: "Partitions that this instance copies."),
        Entry(
            name: "replicator_instances", kind: .gauge, labels: ["flow"],
            help: "Instances that share the flow, as this one knows: each tells all of them."),
        Entry(
            name: "replicator_instance_member", kind: .gauge, labels: ["flow"],
            help: "1 while this instance is a member of the flow's group, else 0."),
        Entry(
            name: "replicator_instance_generation", kind: .gauge, labels: ["flow"],
            help: "Generation of the group that this instance's part goes back to."),
        Entry(
            name: "replicator_instance_membership_losses_total", kind: .counter, labels: ["flow"],
            help: "Times that this instance was not let into the flow's group, or did not hear of it for a session."),
        Entry(
            name: "replicator_bytes_in_total", kind: .counter, labels: ["flow", "topic"],
            help: "Bytes of record batches read from the source."),
        Entry(
            name: "replicator_throughput_bytes_total", kind: .counter, labels: ["flow", "topic"],
            help: "Bytes of record batches that the target has acknowledged."),
        Entry(
            name: "replicator_records_total", kind: .counter, labels: ["flow", "topic"],
            help: "Records that the target has acknowledged."),
        Entry(
            name: "replicator_skipped_records_total", kind: .counter, labels: ["flow", "topic", "reason"],
            help: "Source offsets that have no record on the target, by reason."),
        Entry(
            name: "replicator_batches_total", kind: .counter, labels: ["flow", "topic", "path", "reason"],
            help: "Batches taken in, by path (forward or rewrite) and by what made a rewrite necessary."),
        Entry(
            name: "replicator_failures_total", kind: .counter, labels: ["flow", "topic", "reason"],
            help: "Partitions that have stopped, by reason."),
        Entry(
            name: "replicator_stuck_partitions", kind: .gauge, labels: ["flow"],
            help: "Partitions that have stopped, or make no progress and have lag, or lag that is not known."),
        Entry(
            name: "replicator_unreadable_state_records_total", kind: .counter, labels: ["cluster", "topic"],
            help: "Records of topics that keep state that could not be understood, and were skipped."),
        Entry(
            name: "replicator_consumer_groups", kind: .gauge, labels: ["flow"],
            help: "Consumer groups whose offsets are kept in step."),
        Entry(
            name: "replicator_group_lag", kind: .gauge, labels: ["flow", "group"],
            help: "Source offsets between the group's positions and the ends of what the flow copies."),
        Entry(
            name: "replicator_group_target_lag", kind: .gauge, labels: ["flow", "group"],
            help: "Target offsets between the group's positions there and the ends of the copies."),
        Entry(
            name: "replicator_groups_summed", kind: .gauge, labels: ["flow"],
            help: "Consumer groups that share the series with the label group=\"(others)\"."),
        Entry(
            name: "replicator_offset_sync_failures_total", kind: .counter, labels: ["flow"],
            help:
                "Attempts to bring a consumer group's offset to the target that failed, or found no counterpart there."),
        Entry(
            name: "replicator_recovered_records_total", kind: .counter, labels: ["flow", "topic"],
            help: "Records found on the target after a restart that the checkpoint did not know of."),
        Entry(
            name: "replicator_foreign_offsets_total", kind: .counter, labels: ["flow", "topic"],
            help: "Target offsets among the copies that hold something else: other writers' records, markers."),
        Entry(
            name: "replicator_target_regressions_total", kind: .counter, labels: ["flow", "topic"],
            help: "Times that a target log had gone backwards and was filled again."),
        Entry(
            name: "replicator_doubled_records_total", kind: .counter, labels: ["flow", "topic"],
            help: "Records written in front of what the target lacks, and copied once more in their place."),
        Entry(
            name: "replicator_cluster_up", kind: .gauge, labels: ["cluster"],
            help: "1 when the last look at a cluster succeeded, else 0."),
        Entry(
            name: "replicator_auth_errors_total", kind: .counter, labels: ["cluster"],
            help: "Connections that failed because one side did not prove its identity: TLS, SASL or credentials."),
        Entry(
            name: "replicator_throttle_seconds_total", kind: .counter, labels: ["cluster"],
            help: "Time for which a cluster's brokers have asked us to be silent, because of their quotas."),
        Entry(
            name: "replicator_config_last_reload_successful", kind: .gauge, labels: [],
            help: "1 when the last attempt to take the configuration over succeeded, else 0."),
        Entry(
            name: "replicator_config_last_reload_success_timestamp_seconds", kind: .gauge, labels: [],
            help: "Time at which the configuration was taken over last."),
        Entry(
            name: "replicator_http_refused_connections_total", kind: .counter, labels: ["reason"],
            help: "HTTP connections turned away: as many as there may be, or no descriptors to spare."),
        Entry(
            name: "replicator_http_auth_failures_total", kind: .counter, labels: [],
            help: "HTTP requests with wrong credentials."),
        Entry(
            name: "replicator_build_info", kind: .gauge, labels: ["version", "architecture"],
            help: "Always 1; the labels say which program runs."),
        Entry(
            name: "process_cpu_seconds_total", kind: .counter, labels: [],
            help: "Processor time of the process, in user and system mode."),
        Entry(
            name: "process_resident_memory_bytes", kind: .gauge, labels: [],
            help: "Memory of the process that is in RAM."),
        Entry(
            name: "process_virtual_memory_bytes", kind: .gauge, labels: [],
            help: "Addresses that the process has reserved."),
        Entry(
            name: "process_open_fds", kind: .gauge, labels: [],
            help: "Files and connections that the process has open."),
        Entry(
            name: "process_max_fds", kind: .gauge, labels: [],
            help: "Files and connections that the process may have open."),
        Entry(
            name: "process_start_time_seconds", kind: .gauge, labels: [],
            help: "Start of the process, in seconds since 1970."),
    ]

    static func entry(_ name: String) -> Entry? {
        entries.first { $0.name == name }
    }
}
