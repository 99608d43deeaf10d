internal import KafkaClient
internal import Replication

// What a failover says about itself.
extension Failover {
    /// What a step is about to do.
    func purpose(of step: FailoverStep) -> String {
        let from = settings.source.name
        let to = settings.target.name
        switch step {
        case .preflight:
            return options.kind == .planned
                ? "Look whether \(from), \(to) and flow \(settings.name) stand in order."
                : "Look whether \(to) can take over, and whether \(from) answers."
        case .fence:
            guard !options.fence.isEmpty else { return "Nobody is to be kept out: the producers are yours to stop." }
            return
                "Keep \(options.fence.joined(separator: ", ")) from writing to the flow's topics on \(from) (DENY WRITE)."
        case .still:
            return "Wait until nothing has been written to \(from) for \(Self.seconds(options.still))."
        case .drain: return "Wait until everything on \(from) is on \(to)."
        case .cut: return "Note how far each partition had come on \(to) when \(from) was lost."
        case .groups:
            return options.kind == .planned
                ? "Commit the positions of every consumer group on \(to), where they stand on \(from)."
                : "Look that no consumer group stands beyond what \(to) has."
        case .verify: return "Compare the last \(options.comparedRecords) records of every partition."
        case .opposite:
            guard let opposite else { return "There is no flow from \(to) back to \(from)." }
            return "Have flow \(opposite.name) begin with what is new on \(to)."
        case .lift: return "Let producers write to \(to), where an earlier failover kept them out."
        case .handOver: return "Note that \(to) has taken over."
        }
    }

    /// What a step finds, and would do, now.
    func preview(of step: FailoverStep) async throws -> String {
        switch step {
        case .preflight: return ""
        case .fence: return try await previewFence()
        case .still: return try await previewStillness()
        case .drain: return try await previewDrain()
        case .cut: return "would note \(memory.passed.count) partitions"
        case .groups: return try await previewGroups()
        case .verify: return "would compare \(memory.passed.count) partitions"
        case .opposite: return try await previewOpposite()
        case .lift: return try await previewLift()
        case .handOver: return "would note it in \(ProgressTopic.name(flow: settings.name))"
        }
    }

    static func seconds(_ duration: Duration) -> String { "\(duration / .seconds(1)) s" }

    static func count(_ count: some BinaryInteger, _ noun: String) -> String {
        count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
    }
}
