package import Observability
internal import Replication

extension Daemon {
    /// Pauses, resumes or tries again what an operator names.
    package func control(_ command: FlowCommand) async -> ControlAnswer {
        let running = await flows.flows
        guard let flow = running.first(where: { $0.name == command.flow }) else {
            let names = running.map(\.name).joined(separator: ", ")
            return ControlAnswer(status: 404, message: "no flow is called \(command.flow); there are: \(names)")
        }
        guard let scope = PauseScope(topic: command.topic, partition: command.partition) else {
            return ControlAnswer(status: 400, message: "a partition needs its topic")
        }
        let part = scope == .flow ? "flow \(flow.name)" : "\(scope) of flow \(flow.name)"
        do {
            switch command.action {
            case .pause:
                let isNews = try await flow.pause(scope)
                let others = isNews ? await Self.others(of: flow, "pause it, too, as they read that") : ""
                return ControlAnswer(
                    status: 200, message: "\(part) \(isNews ? "is paused" : "was paused before")\(others)")
            case .resume:
                let isNews = try await flow.resume(scope)
                let others = isNews ? await Self.others(of: flow, "resume it, too, as they read that") : ""
                return ControlAnswer(
                    status: 200, message: "\(part) \(isNews ? "resumed" : "was not paused")\(others)")
            case .retry:
                return ControlAnswer(
                    status: 200,
                    message: Self.retried(
                        try await flow.retry(scope), withoutPosition: await flow.withoutPosition(scope), scope,
                        flow.name, isShared: await flow.toldOthers)
                        + (await Self.others(of: flow, "try again what has stopped with them")))
            }
        } catch {
            switch error {
            case .unknown, .neverCopied: return ControlAnswer(status: 404, message: "\(error)")
            case .pausedAsPartOf: return ControlAnswer(status: 409, message: "\(error)")
            case .notRecorded: return ControlAnswer(status: 503, message: "\(error)")
            }
        }
    }

    /// The part of an answer that is about other instances; empty where there are none.
    private static func others(of flow: Flow, _ what: String) async -> String {
        await flow.toldOthers ? "; the other instances are told, and \(what)" : ""
    }

    /// - Parameter lost: partitions that nobody knows the position of.
    private static func retried(
        _ count: Int, withoutPosition lost: Int, _ scope: PauseScope, _ flow: String, isShared: Bool
    ) -> String {
        func partitions(_ count: Int) -> String { count == 1 ? "1 partition" : "\(count) partitions" }
        var sentences: [String] = []
        if count > 0 {
            sentences.append("\(partitions(count)) of flow \(flow) \(count == 1 ? "is" : "are") tried again")
        }
        if lost > 0 {
            sentences.append(
                "\(partitions(lost)) of flow \(flow) cannot be tried again, since it is not known where to begin: their "
                    + "reasons in status say what to do")
        }
        return sentences.isEmpty
            ? "nothing had stopped in \(scope) of flow \(flow)\(isShared ? " with this instance" : "")"
            : sentences.joined(separator: "; ")
    }
}
