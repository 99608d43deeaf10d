internal import PlainText

/// Reason why a flow cannot adopt copies, in words for the person who runs it.
public enum AdoptionError: Error, Hashable, Sendable, CustomStringConvertible {
    case hasRun(flow: String, target: String)
    /// Topics that were named, and that the flow copies already.
    case topicsHaveRun(topics: [String], flow: String, target: String)
    /// Missing records cannot be appended.
    case cannotFill(flow: String, reason: String)
    /// Topics that were named and that the flow does not copy, or of which the target has none.
    case unknown(topics: [String], flow: String, hint: String)
    /// Other topics of the flow hold records on the target.
    case leftOut(topics: [String], flow: String, target: String)
    case nothingThere(flow: String, target: String, example: String?)
    /// Topics that were named for a flow that has run, and of which the target has none.
    case noCopies(topics: [String], flow: String, target: String)
    /// Copies came while none were to come.
    case stillCopied(topics: [String], target: String)

    private static let shown = 5

    private static func listed(_ topics: [String]) -> String {
        let more = topics.count > shown ? " and \(topics.count - shown) more" : ""
        return topics.prefix(shown).map { $0.printable() }.joined(separator: ", ") + more
    }

    public var description: String {
        switch self {
        case .hasRun(let flow, let target):
            "flow \"\(flow)\" has run, or has adopted copies before: its progress is recorded on \(target), and `run` "
                + "continues from there. Topics that are new to it can be adopted by their names (--topic). To adopt "
                + "everything once more, stop it and remove its memory: replicator forget --flow "
                + "\(flow.shellQuoted) --cluster \(target.shellQuoted)"
        case .topicsHaveRun(let topics, let flow, let target):
            "flow \"\(flow)\" copies \(Self.listed(topics)) already: its progress is recorded on \(target), and `run` "
                + "continues from there"
        case .cannotFill(let flow, let reason):
            "missing records cannot be appended for flow \"\(flow)\": \(reason)"
        case .unknown(let topics, let flow, let hint):
            "flow \"\(flow)\" does not copy \(Self.listed(topics)): \(hint)"
        case .leftOut(let topics, let flow, let target):
            "flow \"\(flow)\" copies \(Self.listed(topics)) too, which hold records on \(target) that would be there "
                + "twice: adopt them as well, or leave them out (topics.deny)"
        case .nothingThere(let flow, let target, let example):
            "no topic on \(target) that flow \"\(flow)\" would write to holds a record"
                + (example.map { ": it would write to topics such as \($0.printable())" } ?? "")
                + ". If the copies have other names there, give the flow their naming; if there are none, start it with "
                + "`replicator run`"
        case .noCopies(let topics, let flow, let target):
            "\(target) holds no record of \(Self.listed(topics)): nothing is there to adopt, and `run` lets flow \"\(flow)\" "
                + "copy all of it"
        case .stillCopied(let topics, let target):
            "another replicator still copies to \(Self.listed(topics)) on \(target): stop it and run adopt again, or say "
                + "--follow to be told when that is safe. Nothing was recorded"
        }
    }
}
