internal import Logging
internal import Metrics
package import Observability
internal import PlainText
internal import Replication
package import ReplicatorConfig

/// Takes over a changed configuration file, as a whole or not at all, one attempt after the other.
package actor Reloader {
    /// Occasion of an attempt, as the log tells it.
    package enum Cause: String, Sendable {
        case signal = "HUP"
        case request = "POST /api/reload"
        case change = "the file has changed"
    }

    private let daemon: Daemon
    private let logger: Logger
    private var configuration: WatchedConfiguration
    private var watch: ContentWatch
    /// Contents of the files when they were taken over last.
    private var applied: ConfigurationContents
    private var lastRefusal: [String] = []
    private var isBusy = false
    private var turns: [CheckedContinuation<Void, Never>] = []
    private let isSuccessful = Gauge(label: "replicator_config_last_reload_successful")
    private let successTime = Gauge(label: "replicator_config_last_reload_success_timestamp_seconds")

    /// - Parameter contents: of the file, as they were no later than it was read.
    package init(daemon: Daemon, configuration: WatchedConfiguration, contents: ConfigurationContents) {
        self.daemon = daemon
        logger = daemon.logger
        self.configuration = configuration
        var contents = contents
        contents.add(configuration.files)
        applied = contents
        watch = ContentWatch(handled: contents)
        isSuccessful.record(1)
        successTime.record(Double(daemon.wallClock()) / 1_000)
    }

    /// Looks at the files every few seconds until the task is cancelled.
    package func keepWatching(
        every pause: Duration = .seconds(2), clock: some Clock<Duration> = ContinuousClock()
    ) async {
        while (try? await clock.sleep(for: pause)) != nil { await look() }
    }

    /// Looks at the files, and takes them over when they have changed and the configuration asks for that.
    package func look() async {
        guard configuration.current.reload == .onChange, !isBusy else { return }
        var contents = ConfigurationContents(of: configuration.file)
        contents.add(configuration.files)
        guard watch.look(contents) else { return }
        await reload(.change)
    }

    /// Takes the configuration over, when no other attempt is under way any more.
    @discardableResult
    package func reload(_ cause: Cause) async -> ReloadReport {
        await waitForTurn()
        defer { passTurn() }
        var contents = ConfigurationContents(of: configuration.file)
        let outcome: Result<[String], RefusedAttempt>
        do throws(RefusedAttempt) {
            outcome = .success(try await attempt(cause, &contents))
        } catch {
            outcome = .failure(error)
        }
        return await conclude(outcome, cause, contents)
    }

    private struct RefusedAttempt: Error {
        var reasons: [String]
        var mayPass = false
    }

    /// - Returns: what has changed.
    private func attempt(
        _ cause: Cause, _ contents: inout ConfigurationContents
    ) async throws(RefusedAttempt) -> [String] {
        let proposal: WatchedConfiguration.Proposal
        let running = await daemon.flows.settings
        do throws(ReloadRefusal) {
            proposal = try configuration.read(running: running)
        } catch {
            contents.add(configuration.files)
            throw RefusedAttempt(reasons: error.reasons)
        }
        contents.add(proposal.files)
        let objections = await objections(to: proposal.plan)
        guard objections.isEmpty else {
            throw RefusedAttempt(reasons: objections.map(\.reason), mayPass: objections.allSatisfy(\.mayPass))
        }
        for warning in configuration.take(proposal) { logger.warning("\(warning)") }
        let files = contents.changes(since: applied).map {
            "\($0.printable()) read again, since it has changed"
        }
        applied = contents
        return await apply(proposal.plan, isAsked: cause != .change) + files
    }

    /// Finds out for every flow that would be restarted whether that can do.
    private func objections(to plan: ReloadPlan) async -> [RunningFlows.Objection] {
        await withTaskGroup(of: RunningFlows.Objection?.self) { group in
            for change in plan.flows where change.kind == .restarts {
                group.addTask { [daemon] in await daemon.flows.objection(to: change.settings) }
            }
            var found: [RunningFlows.Objection] = []
            for await objection in group { if let objection { found.append(objection) } }
            return found.sorted { $0.reason < $1.reason }
        }
    }

    /// - Parameter isAsked: whether an operator waits for it: then topics that wait are tried at once.
    /// - Returns: what has changed.
    private func apply(_ plan: ReloadPlan, isAsked: Bool) async -> [String] {
        let flows = daemon.flows
        var sentences: [String] = []
        for change in plan.flows {
            var effects: [String] = []
            switch change.kind {
            case .starts: await flows.start(change.settings)
            case .stops: await flows.stop(change.settings.name)
            case .restarts: await flows.restart(change.settings)
            case .adapts: effects = await flows.adapt(change.settings).sentences
            case .stays: if isAsked { _ = await flows.adapt(change.settings) }
            }
            if let sentence = change.sentence(effects: effects) { sentences.append(sentence) }
        }
        await flows.sort(by: plan.flows.filter { $0.kind != .stops }.map(\.settings.name))
        await daemon.watch(plan.clusters, changed: plan.changedClusters)
        daemon.client?.use(configuration.current.httpAccess)
        await daemon.worry(after: configuration.current.stuckAfter)
        return sentences + plan.others
    }

    /// Tells everybody who may want to know.
    private func conclude(
        _ outcome: Result<[String], RefusedAttempt>, _ cause: Cause, _ contents: ConfigurationContents
    ) async -> ReloadReport {
        let metadata: Logger.Metadata = ["file": "\(configuration.file)", "cause": "\(cause.rawValue)"]
        let report: ReloadReport
        switch outcome {
        case .success(let changes):
            watch.handled(contents, mayPass: false)
            lastRefusal = []
            report = ReloadReport(
                time: daemon.wallClock(), isApplied: true, messages: changes.isEmpty ? ["nothing changed"] : changes)
            logger.info("configuration reloaded: \(report.messages.joined(separator: "; "))", metadata: metadata)
            isSuccessful.record(1)
            successTime.record(Double(report.time) / 1_000)
        case .failure(let refusal):
            watch.handled(contents, mayPass: refusal.mayPass)
            report = ReloadReport(time: daemon.wallClock(), isApplied: false, messages: refusal.reasons)
            // A failure that is tried again automatically is reported once.
            if cause != .change || refusal.reasons != lastRefusal {
                logger.error(
                    "configuration not reloaded, everything continues as before",
                    metadata: metadata.merging(["reason": "\(refusal.reasons.joined(separator: "; "))"]) { $1 })
            }
            lastRefusal = refusal.reasons
            isSuccessful.record(0)
        }
        await daemon.report(reload: report)
        return report
    }

    private func waitForTurn() async {
        guard isBusy else {
            isBusy = true
            return
        }
        await withCheckedContinuation { turns.append($0) }
    }

    private func passTurn() {
        guard !turns.isEmpty else {
            isBusy = false
            return
        }
        turns.removeFirst().resume()
    }
}

extension SelectionChange {
    fileprivate var sentences: [String] {
        func topics(_ count: Int, _ what: String) -> String? {
            count == 0 ? nil : "\(count) \(count == 1 ? "topic" : "topics") \(what)"
        }
        return [topics(deselected, "deselected"), topics(selected, "selected")].compactMap(\.self)
    }
}

extension Reloader {
    /// The answer to an operator who has asked for it over HTTP.
    package func answer() async -> ControlAnswer {
        let report = await reload(.request)
        return ControlAnswer(status: report.isApplied ? 200 : 409, message: report.json)
    }
}
