internal import PlainText
package import Replication

/// Reasons why a flow is not ready, for people: one sentence for each kind and reason, however many partitions it
/// concerns, and a bounded number of sentences.
package struct FlowObstacles {
    /// Reasons that are told of each kind of trouble.
    package static let reasonLimit = 10
    /// Reasons that are compared with each other; those of what comes behind are not told apart.
    private static let comparedReasons = 500
    /// Places that are named of each reason.
    private static let exampleLimit = 2

    private let status: FlowStatus

    package init(_ status: FlowStatus) {
        self.status = status
    }

    /// The worst first.
    package var sentences: [String] {
        if status.state == .resting { return [] }
        guard status.state == .running else {
            return ["flow \(status.name) is \(status.state)" + (status.reason.map { ": \($0)" } ?? "")]
        }
        var failed = Trouble()
        var stuck = Trouble()
        var unknown = Trouble()
        for partition in status.partitions {
            if partition.state == .failed {
                failed.add(Case(partition, partition.reason))
            } else if partition.stuckForSeconds != nil {
                stuck.add(Case(partition, partition.obstacle ?? partition.lagUnknown))
            } else if partition.sourceEnd < 0 {
                unknown.add(Case(partition, partition.lagUnknown))
            }
        }
        var waiting = Trouble()
        for topic in status.waiting ?? [] { waiting.add(Case(topic)) }
        let all =
            (status.reason.map { [$0] } ?? [])
            + failed.sentences {
                "\($0) have stopped"
            } alone: {
                "\($0.place) has stopped: \($0.reason)"
            }
            + waiting.sentences {
                "\($0) are not replicated"
            } alone: {
                "\($0.place) is not replicated: \($0.reason)"
            }
            + stuck.sentences {
                "\($0) have made no progress"
            } alone: { one in
                let behind = one.partition?.lag.map { "\($0) behind" } ?? "and it is not known how far behind"
                return "\(one.place) has made no progress for \(one.seconds) s at offset "
                    + "\(one.partition?.sourceOffset ?? 0), \(behind)" + (one.reason.isEmpty ? "" : ": \(one.reason)")
            }
            + unknown.sentences {
                "the lag of \($0) is not known yet"
            } alone: {
                "the lag of \($0.place) is not known yet" + ($0.reason.isEmpty ? "" : ": \($0.reason)")
            }
        return (membership + all).map { "flow \(status.name): \($0)" }
    }

    /// A flow that tells why it does not work tells that of its group, too.
    private var membership: [String] {
        guard let membership = status.membership, status.reason == nil else { return [] }
        let reason = membership.reason.map { ": \($0)" } ?? ""
        switch membership.state {
        case .joining, .member: return []
        case .lost: return ["instance \(membership.instance) writes nothing until its group answers again\(reason)"]
        case .refused: return ["instance \(membership.instance) is not admitted to its group\(reason)"]
        }
    }

    /// One partition, or one topic, in trouble.
    private struct Case {
        var place: String
        var topic: String
        var partition: FlowStatus.Partition?
        var reason: String
        var seconds: Int
        private var targetTopic: String

        init(_ partition: FlowStatus.Partition, _ reason: String?) {
            place = "\(partition.topic)-\(partition.partition)"
            topic = partition.topic
            self.partition = partition
            self.reason = reason ?? ""
            seconds = partition.stuckForSeconds ?? 0
            targetTopic = partition.targetTopic
        }

        init(_ waiting: FlowStatus.WaitingTopic) {
            place = "topic \(waiting.topic)"
            topic = waiting.topic
            reason = waiting.reason
            seconds = 0
            targetTopic = waiting.targetTopic
        }

        /// Names that the reason may hold, and that make it no other reason.
        private var names: [String] {
            guard let number = partition?.partition else { return [topic, targetTopic] }
            return [topic, targetTopic].flatMap { ["\($0)-\(number)", $0] }
        }

        /// The reason without what differs from one partition to the next: its own names, and numbers.
        var kind: String {
            let names = names
            return reason.split(separator: " ").map { word -> String in
                let bare = word.drop { $0 == "\"" || $0 == "(" || $0 == "'" }
                let isName = names.contains {
                    bare.hasPrefix($0) && bare.dropFirst($0.count).allSatisfy { ",.:;\"')".contains($0) }
                }
                return isName ? "name" : Self.withoutNumbers(word)
            }.joined(separator: " ")
        }

        private static func withoutNumbers(_ word: Substring) -> String {
            var text = ""
            for character in word where !(character.isNumber && text.last == "0") {
                text.append(character.isNumber ? "0" : character)
            }
            return text
        }
    }

    /// Cases of one reason.
    private struct Group {
        var first: Case
        var count = 0
        var topics: Set<String> = []
        var examples: [String] = []
        var longest = 0
        /// True if all of them have the very same reason.
        var isSame = true

        var subject: String {
            let topics = topics.count.counted("topic")
            return first.partition == nil ? topics : "\(count.counted("partition")) of \(topics)"
        }

        /// Time, examples and the reason.
        var ending: String {
            let more = count > examples.count ? " and \(count - examples.count) more" : ""
            let time = longest > 0 ? " for \(longest) s" : ""
            let text = "\(time) (\(examples.joined(separator: ", "))\(more))"
            guard !first.reason.isEmpty else { return text }
            return text + (isSame ? ": " : ": \(examples[0]): ") + first.reason
        }

        mutating func join(_ other: Group) {
            count += other.count
            topics.formUnion(other.topics)
            examples += other.examples.prefix(max(0, FlowObstacles.exampleLimit - examples.count))
            longest = max(longest, other.longest)
            isSame = false
        }
    }

    /// Cases of one kind, by reason. What many have in common is compared as it is, which is cheap.
    private struct Trouble {
        private var byReason: [String: Int] = [:]
        private var groups: [Group] = []
        /// Cases for further reasons.
        private var others = 0
        private var arePartitions = false

        mutating func add(_ one: Case) {
            let index: Int
            arePartitions = one.partition != nil
            if let known = byReason[one.reason] {
                index = known
            } else if groups.count == FlowObstacles.comparedReasons {
                others += 1
                return
            } else {
                index = groups.count
                byReason[one.reason] = index
                groups.append(Group(first: one))
            }
            groups[index].count += 1
            groups[index].topics.insert(one.topic)
            groups[index].longest = max(groups[index].longest, one.seconds)
            if groups[index].examples.count < FlowObstacles.exampleLimit {
                groups[index].examples.append(one.partition == nil ? one.topic : one.place)
            }
        }

        /// - Parameters:
        ///   - several: the sentence about several, given which.
        ///   - alone: the sentence about a single one.
        func sentences(_ several: (String) -> String, alone: (Case) -> String) -> [String] {
            let all = joined.enumerated().sorted {
                ($1.element.count, $0.offset) < ($0.element.count, $1.offset)
            }.map(\.element)
            // A last one alone takes no more room than its mention.
            let isWhole = others == 0 && all.count <= FlowObstacles.reasonLimit + 1
            let shown = isWhole ? all.count : FlowObstacles.reasonLimit
            let sentences = all.prefix(shown).map {
                $0.count == 1 ? alone($0.first) : several($0.subject) + $0.ending
            }
            let rest = all.dropFirst(shown)
            let count = rest.reduce(others) { $0 + $1.count }
            guard count > 0 else { return sentences }
            let subject = count.counted(arePartitions ? "more partition" : "more topic")
            return sentences + [several(subject) + ", for other reasons"]
        }

        /// Reasons that differ only in names and numbers are one.
        private var joined: [Group] {
            var kinds: [String: Int] = [:]
            var result: [Group] = []
            for group in groups {
                let kind = group.first.kind
                if let index = kinds[kind] {
                    result[index].join(group)
                } else {
                    kinds[kind] = result.count
                    result.append(group)
                }
            }
            return result
        }
    }
}
