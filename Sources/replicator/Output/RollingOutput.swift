internal import PlainText
internal import ReplicationTools
internal import Synchronization

/// Output of `verify --mode rolling` while it runs.
final class RollingOutput: Sendable {
    private let json: Bool
    private let line: ProgressLine
    private let flows = Mutex<[String: RollingVerification.Progress]>([:])

    init(json: Bool, line: ProgressLine) {
        self.json = json
        self.line = line
    }

    func tell(_ event: RollingVerification.Event, flow: String) {
        let said = RollingLine(event, flow: flow)
        if json {
            // It consists of strings and numbers, which can always be encoded.
            if let text = try? JSONText.line(said) { StandardOutput.write(text) }
        } else if let trouble = said.trouble {
            line.finish()
            Replicator.complain(["\(flow): \(trouble)"])
        } else {
            line.finish()
            StandardOutput.say(JSONText.printable(said).text)
        }
    }

    func show(_ progress: RollingVerification.Progress, flow: String) {
        let sum = flows.withLock { flows in
            flows[flow] = progress
            return flows.values.reduce((equal: Int64(0), differences: Int64(0), behind: Int64(0))) {
                ($0.equal + $1.equal, $0.differences + $1.differences, $0.behind + $1.behind)
            }
        }
        line.show { seconds in
            [
                "\(Quantities.seconds(seconds)): \(Quantities.count(sum.equal)) records equal",
                sum.differences.counted("difference"), "\(Quantities.count(sum.behind)) offsets behind",
            ]
        }
    }
}

/// One line of `verify --mode rolling --json`: how many partitions there are in the beginning, something found, a
/// partition that is given up, a trouble, or in the end the summary.
struct RollingLine: Codable {
    var flow: String?
    /// Partitions that are followed.
    var following: Int?
    var topic: String?
    var partition: Int32?
    var difference: Difference?
    /// Reason for which the partition is no longer compared.
    var ended: String?
    var trouble: String?
    var summary: VerifyDocument?

    init(_ event: RollingVerification.Event, flow: String) {
        self.flow = flow
        switch event {
        case .began(let partitions): following = partitions
        case .found(let topic, let partition, let difference):
            (self.topic, self.partition, self.difference) = (topic, partition, difference)
        case .ended(let topic, let partition, let reason):
            (self.topic, self.partition, ended) = (topic, partition, reason)
        case .trouble(let reason): trouble = reason
        }
    }

    private init(summary: VerifyDocument) { self.summary = summary }

    static func summary(_ document: VerifyDocument) -> RollingLine { RollingLine(summary: document) }

    /// For people.
    var text: String {
        if let following { return "\(flow ?? ""): following \(following.counted("partition"))" }
        var text = "\(flow ?? ""): \(topic ?? "")-\(partition ?? 0): "
        if let difference { text += VerifyDocument.text(of: difference) }
        if let ended { text += "not compared any more: \(ended)" }
        return text
    }
}
