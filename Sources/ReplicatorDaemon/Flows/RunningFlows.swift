internal import KafkaClient
package import Logging
internal import PlainText
package import Replication

/// The flows of a process as they are now. Reloads add flows, take them away, and put others in their places.
package actor RunningFlows {
    /// A flow that is to run, up to a request to stop.
    struct Run: Sendable {
        let flow: Flow
        let stop: StopRequest
    }

    /// A flow that is to be kept running from now on.
    struct Arrival: Sendable {
        let name: String
        /// True if it is one of those that the process begins with.
        let isFirst: Bool
    }

    private struct Entry {
        var run: Run
        /// Settings that the flow is to have; nil for one that is to go.
        var wanted: FlowSettings?

        var name: String { run.flow.name }
    }

    private var entries: [Entry] = []
    private let make: @Sendable (FlowSettings) -> Flow
    private let logger: Logger
    /// For the one service that keeps them running.
    nonisolated let arrivals: AsyncStream<Arrival>
    private nonisolated let arrival: AsyncStream<Arrival>.Continuation
    /// Number of flows that the process begins with.
    nonisolated let firstCount: Int

    /// - Parameter make: makes a flow that has not been started.
    package init(_ settings: [FlowSettings], logger: Logger, make: @escaping @Sendable (FlowSettings) -> Flow) {
        self.make = make
        self.logger = logger
        firstCount = settings.count
        (arrivals, arrival) = AsyncStream.makeStream()
        for settings in settings {
            entries.append(Entry(run: Run(flow: make(settings), stop: StopRequest()), wanted: settings))
            arrival.yield(Arrival(name: settings.name, isFirst: true))
        }
    }

    /// Every flow, also those that are about to stop.
    package var flows: [Flow] { entries.map(\.run.flow) }

    /// Settings that the flows are to have, without those that are to go.
    package var settings: [FlowSettings] { entries.compactMap(\.wanted) }

    /// The flow of this name as it is to run now; nil when there is none.
    func run(of name: String) -> Run? { entries.first { $0.name == name }?.run }

    /// No flow is added any more.
    nonisolated func close() {
        arrival.finish()
    }
}

// Changes.
extension RunningFlows {
    /// Adds a flow; it is kept running from now on.
    package func start(_ settings: FlowSettings) {
        // One of this name may still be on its way out.
        if let index = index(of: settings.name) {
            entries[index].wanted = settings
            return
        }
        entries.append(Entry(run: Run(flow: make(settings), stop: StopRequest()), wanted: settings))
        arrival.yield(Arrival(name: settings.name, isFirst: false))
    }

    /// Lets a flow finish what is under way. It is gone after that.
    package func stop(_ name: String) {
        guard let index = index(of: name) else { return }
        entries[index].wanted = nil
        entries[index].run.stop.make()
    }

    /// Lets a flow finish what is under way, and starts it with other settings then.
    package func restart(_ settings: FlowSettings) {
        guard let index = index(of: settings.name) else { return }
        entries[index].wanted = settings
        entries[index].run.stop.make()
    }

    /// Has a flow take settings over as it runs.
    package func adapt(_ settings: FlowSettings) async -> SelectionChange {
        guard let index = index(of: settings.name) else { return SelectionChange() }
        entries[index].wanted = settings
        return await entries[index].run.flow.reload(settings)
    }

    /// Puts the flows in this order.
    package func sort(by names: [String]) {
        let places = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
        entries = entries.enumerated().sorted {
            (places[$0.element.name] ?? .max, $0.offset) < (places[$1.element.name] ?? .max, $1.offset)
        }.map(\.element)
    }

    /// A flow has come to its end.
    ///
    /// - Returns: whether another one has taken its place.
    func ended(_ name: String) async -> Bool {
        guard let old = run(of: name)?.flow else { return false }
        let pauses = await old.pausesNow
        let target = await old.settings.target.name
        guard let index = index(of: name) else { return false }
        guard let settings = entries[index].wanted else {
            entries.remove(at: index)
            logger.info(
                """
                flow is no longer in the configuration and has stopped; nothing is deleted on the target; to remove its \
                state there: replicator forget --flow \(name) --cluster \(target.shellQuoted)
                """, metadata: ["flow": "\(name)"])
            return false
        }
        let flow = make(settings)
        entries[index].run = Run(flow: flow, stop: StopRequest())
        await flow.takeOver(pauses)
        return true
    }

    private func index(of name: String) -> Int? { entries.firstIndex { $0.name == name } }
}

// Looking ahead.
extension RunningFlows {
    /// Reason why a flow is not to be restarted with other settings.
    package struct Objection: Sendable {
        package var reason: String
        /// True if the same settings may do later.
        package var mayPass: Bool
    }

    /// Time for each question to a cluster before a flow is restarted.
    private static let probeTimeout: Duration = .seconds(10)

    /// Finds out whether a flow could start with other settings, as far as can be told while it runs.
    ///
    /// A flow that does not work as it is has nothing to lose: it is kept only from what a start would be refused for.
    package func objection(to settings: FlowSettings) async -> Objection? {
        guard let flow = run(of: settings.name)?.flow else { return nil }
        var probed = settings
        probed.source.operationTimeout = min(probed.source.operationTimeout, Self.probeTimeout)
        probed.target.operationTimeout = min(probed.target.operationTimeout, Self.probeTimeout)
        let probe = make(probed)
        do throws(FlowError) {
            try await probe.prepare()
            await probe.close()
            return nil
        } catch {
            await probe.close()
            if error.isRefusal { return Objection(reason: "flow \(settings.name): \(error)", mayPass: false) }
            guard await flow.works else { return nil }
            return Objection(
                reason: "flow \(settings.name) works now, and could not with the new settings: \(error); correct them, "
                    + "or restart if it is to have them all the same", mayPass: true)
        }
    }
}
