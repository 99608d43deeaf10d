internal import FoundationEssentials
internal import PlainText

/// Another instance of this process's flows, as it has announced itself to the group.
package struct OtherInstance: Sendable, Hashable {
    package var id: String
    package var address: String?

    package init(id: String, address: String?) {
        self.id = id
        self.address = address
    }
}

/// Something about another instance: its own part of the state, or why it is not known.
package enum InstanceAnswer: Sendable {
    case document(StatusDocument)
    /// - Parameter since: milliseconds since 1970; when it was first without an answer.
    case silent(reason: String, since: Int64)
}

/// Answers of the other instances, asked side by side and kept for a moment: however many look at the page, each
/// instance is asked about once a second.
package actor OtherInstances {
    /// Asks an instance.
    package typealias Ask = @Sendable (OtherInstance, _ path: String) async -> Result<String, InstanceSilence>

    private enum Kept {
        case text(String)
        case silence(String)
    }

    private struct Question: Hashable {
        var instance: OtherInstance
        var path: String
    }

    /// Answers are used again for this long.
    private static let freshness: Duration = .seconds(1)
    /// One that did not answer is not waited for again for this long.
    private static let rest: Duration = .seconds(4)
    /// Questions that are remembered: each topic that is looked at is one.
    private static let capacity = 256

    private let ask: Ask
    private let wallClock: @Sendable () -> Int64
    private let now: @Sendable () -> ContinuousClock.Instant
    private var kept: [Question: (answer: Kept, time: ContinuousClock.Instant)] = [:]
    private var waiting: [Question: [CheckedContinuation<Void, Never>]] = [:]
    /// Times at which each was first without an answer, in milliseconds since 1970, and at which that was found last.
    private var silences: [OtherInstance: (since: Int64, found: ContinuousClock.Instant, reason: String)] = [:]

    /// - Parameters:
    ///   - wallClock: milliseconds since 1970.
    ///   - now: the time by which answers become old.
    package init(
        wallClock: @escaping @Sendable () -> Int64,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }, ask: @escaping Ask
    ) {
        self.wallClock = wallClock
        self.now = now
        self.ask = ask
    }

    /// The bodies of the answers to a request, of those who answer.
    package func texts(_ instances: [OtherInstance], _ path: String) async -> [String] {
        await answers(instances, path).compactMap { if case .text(let text) = $0.1 { text } else { nil } }
    }

    /// The part of each instance.
    package func documents(_ instances: [OtherInstance], _ path: String) async -> [String: InstanceAnswer] {
        var found: [String: InstanceAnswer] = [:]
        for (instance, answer) in await answers(instances, path) {
            switch answer {
            case .silence(let reason):
                found[instance.id] = .silent(reason: reason, since: silences[instance]?.since ?? wallClock())
            case .text(let text):
                do throws(InstanceSilence) {
                    found[instance.id] = .document(try Self.document(text, of: instance))
                    silences[instance] = nil
                } catch {
                    found[instance.id] = .silent(reason: error.reason, since: remember(error.reason, instance))
                }
            }
        }
        return found
    }

    /// Forgets instances other than these.
    package func keep(_ instances: Set<OtherInstance>) {
        kept = kept.filter { instances.contains($0.key.instance) }
        silences = silences.filter { instances.contains($0.key) }
    }

    private static func document(_ text: String, of instance: OtherInstance) throws(InstanceSilence) -> StatusDocument {
        let document: StatusDocument
        do {
            document = try JSONDecoder().decode(StatusDocument.self, from: Data(text.utf8))
        } catch {
            throw InstanceSilence(reason: "it does not answer as this version does")
        }
        // A balancer's address would count one instance twice and another never.
        guard document.instance == instance.id else {
            let other = document.instance.map { "instance \($0)" } ?? "another version"
            throw InstanceSilence(
                reason: "\(other.printable(atMost: 300)) answers at its address \(instance.address ?? ""): "
                    + "instance.advertise has to lead to the instance itself")
        }
        return document
    }

    /// - Returns: when the instance was first without an answer.
    @discardableResult
    private func remember(_ reason: String, _ instance: OtherInstance) -> Int64 {
        let since = silences[instance]?.since ?? wallClock()
        silences[instance] = (since, now(), reason)
        return since
    }

    private func answers(_ instances: [OtherInstance], _ path: String) async -> [(OtherInstance, Kept)] {
        await withTaskGroup(of: (Int, Kept).self) { group in
            for (number, instance) in instances.enumerated() {
                group.addTask { (number, await self.answer(Question(instance: instance, path: path))) }
            }
            var found: [(Int, Kept)] = []
            for await answer in group { found.append(answer) }
            return found.sorted { $0.0 < $1.0 }.map { (instances[$0.0], $0.1) }
        }
    }

    private func answer(_ question: Question) async -> Kept {
        while true {
            if let known = fresh(question) { return known }
            guard waiting[question] != nil else { break }
            // Another request is asking already.
            await withCheckedContinuation { waiting[question, default: []].append($0) }
        }
        waiting[question] = []
        let answer: Kept
        switch await ask(question.instance, question.path) {
        case .success(let text): answer = .text(text)
        case .failure(let silence): answer = .silence(silence.reason)
        }
        // The outcome of a request that nobody waits for any more says nothing about the instance.
        if !Task.isCancelled { keep(answer, question) }
        for waiter in waiting.removeValue(forKey: question) ?? [] { waiter.resume() }
        return answer
    }

    private func keep(_ answer: Kept, _ question: Question) {
        if kept.count >= Self.capacity { kept = kept.filter { now() - $0.value.time < Self.freshness } }
        if kept.count < Self.capacity { kept[question] = (answer, now()) }
        if case .silence(let reason) = answer { remember(reason, question.instance) }
    }

    private func fresh(_ question: Question) -> Kept? {
        if let silence = silences[question.instance], now() - silence.found < Self.rest, kept[question] == nil {
            return .silence(silence.reason)
        }
        guard let known = kept[question] else { return nil }
        let lifetime = if case .text = known.answer { Self.freshness } else { Self.rest }
        guard now() - known.time < lifetime else {
            kept[question] = nil
            return nil
        }
        return known.answer
    }
}

/// Reason why an instance tells nothing.
package struct InstanceSilence: Error, Sendable, Hashable {
    package var reason: String

    package init(reason: String) {
        self.reason = reason
    }
}
