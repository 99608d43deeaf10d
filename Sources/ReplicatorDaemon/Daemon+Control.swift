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
                return ControlAnswer(
                    status: 200,
                    message: Self.retried(
                        try await flow.retry(scope), withoutPosition: await flow.withoutPosition(scope), scope, flow.name))
            }
        } catch .unknown {
            return ControlAnswer(status: 404, message: "\(FlowControlError.unknown(flow: flow.name, scope))")
        } catch {
            return ControlAnswer(status: 409, message: "\(error)")
        }
    }

    private static func retried(
        _ count: Int, withoutPosition lost: Int, _ scope: PauseScope, _ flow: String
    ) -> String {
        let tried = count == 1 ? "1 partition of flow \(flow) is tried again" : "\(count) partitions of flow \(flow) are tried again"
        guard lost > 0 else { return count == 0 ? "nothing had stopped in \(scope) of flow \(flow)" : tried }
        let rest =
            (lost == 1 ? "1 partition of flow \(flow) cannot be" : "\(lost) partitions of flow \(flow) cannot be")
            + ", since it is not known where to begin: status and /api/status say why, and what to do"
        return count == 0 ? rest.replacing("cannot be,", with: "cannot be tried again,") : "\(tried); \(rest)"
    }
}
