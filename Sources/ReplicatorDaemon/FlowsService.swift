package import Replication
internal import ServiceLifecycle

/// All flows of a process: none is started before every one has been found in order, and one that cannot start stops
/// all in order.
package struct FlowsService: Service {
    private let flows: [Flow]

    package init(flows: [Flow]) {
        self.flows = flows
    }

    package func run() async throws {
        // Told to stop while clusters are still being looked at: nothing has begun, so nothing is to be finished.
        do {
            try await cancelWhenGracefulShutdown {
                for flow in flows { try await flow.prepare() }
            }
        } catch {
            guard Task.isShuttingDownGracefully else { throw error }
            return
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for flow in flows { group.addTask { try await flow.run() } }
            var failure: (any Error)?
            while let result = await group.nextResult() {
                guard case .failure(let error) = result, failure == nil else { continue }
                failure = error
                // The others let what is under way reach their targets, as if told to stop.
                for flow in flows { await flow.stop() }
            }
            if let failure { throw failure }
        }
    }
}
