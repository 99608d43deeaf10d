internal import KafkaBroker
internal import ReplicationTools
internal import Synchronization

/// Faults of two embedded clusters: their nodes stop or freeze.
struct EmbeddedClusters: DrillClusters {
    let source: EmbeddedCluster
    let target: EmbeddedCluster

    func killSource() async throws {
        for node in nodes(of: source) { try await source.stop(node: node) }
    }

    func reviveSource() async throws {
        for node in nodes(of: source) { try await source.start(node: node) }
    }

    func silenceTarget() async throws {
        for node in nodes(of: target) { try await target.freeze(node: node) }
    }

    func unsilenceTarget() async throws {
        for node in nodes(of: target) { try await target.thaw(node: node) }
    }

    private func nodes(of cluster: EmbeddedCluster) -> ClosedRange<Int32> { 1...Int32(cluster.ports.count) }
}

/// Faults for user-owned clusters: pauses the drill's own flow, never touches a broker.
final class CutOff: DrillClusters {
    let drill = Mutex<Drill?>(nil)

    func killSource() async throws { try await pause() }
    func reviveSource() async throws { try await resume() }
    func silenceTarget() async throws { try await pause() }
    func unsilenceTarget() async throws { try await resume() }

    private func pause() async throws { try await drill.withLock { $0 }?.cutOff() }
    private func resume() async throws { try await drill.withLock { $0 }?.reconnect() }
}
