package import Observability
internal import Replication

extension Daemon {
    /// Pauses, resumes or tries again what an operator names.
    package func control(_ command: FlowCommand) async -> ControlAnswer {
        guard let flow = flows.first(where: { $0.name == command.flow }) else {
            let names = flows.map(\.name).joined(separator: ", ")
            return ControlAnswer(status: 404, message: "no flow is called \(command.flow); there are: \(names)")
        }
        guard let scope = PauseScope(topic: command.topic, partition: command.partition) else {
            return ControlAnswer(status: 400, message: "a partition needs its topic")
        }
        do {
            switch command.action {
            case .pause:
                let isNews = try await flow.pause(scope)
                return ControlAnswer(
                    status: 200, message: "\(scope) of flow \(flow.name) \(isNews ? "is paused" : "was paused before")")
            case .resume:
                let isNews = try await flow.resume(scope)
                return ControlAnswer(
                    status: 200, message: "\(scope) of flow \(flow.name) \(isNews ? "goes on" : "was not paused")")
            case .retry:
                let count = try await flow.retry(scope)
                let what = count == 1 ? "1 partition" : "\(count) partitions"
                return ControlAnswer(
                    status: 200,
                    message: count == 0
                        ? "nothing had stopped in \(scope) of flow \(flow.name)"
                        : "\(what) of flow \(flow.name) \(count == 1 ? "is" : "are") tried again")
            }
        } catch {
            switch error {
            case .unknown, .neverCopied: return ControlAnswer(status: 404, message: "\(error)")
            case .pausedAsPartOf: return ControlAnswer(status: 409, message: "\(error)")
            }
        }
    }
}
