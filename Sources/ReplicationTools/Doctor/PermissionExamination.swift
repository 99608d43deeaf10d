internal import KafkaClient
internal import KafkaWire
internal import PlainText
internal import Replication

/// Examination of the rights that the flow needs. The clusters are asked for the operations that we are authorized to
/// (KIP-430); what they do not tell is tried out where trying changes nothing.
struct PermissionExamination: Sendable {
    let settings: FlowSettings
    let source: ClusterClient
    let target: ClusterClient

    private struct Need {
        let operation: AccessOperation
        let severity: Finding.Severity
        let why: String
    }

    /// Findings of one kind that are shown in full.
    private static let shown = 10
    private static let batch = 250

    func examineSource(_ topics: [String]) async -> [Finding] {
        var needs = [Need(operation: .read, severity: .error, why: "its records cannot be read")]
        if settings.sync.topicConfigs {
            needs.append(Need(operation: .describeConfigs, severity: .warning, why: "its settings cannot be copied"))
        }
        var cluster: [Need] = []
        let describe = [
            settings.sync.acls ? "access rules cannot be read" : nil,
            settings.sync.groupOffsets
                ? "only those consumer groups are seen that we may DESCRIBE one by one" : nil,
        ].compactMap { $0 }
        if !describe.isEmpty {
            cluster.append(
                Need(operation: .describe, severity: .warning, why: describe.joined(separator: ", and ")))
        }
        if settings.sync.quotas {
            cluster.append(Need(operation: .describeConfigs, severity: .warning, why: "client quotas cannot be read"))
        }
        return await examine(source, topics: topics, needs: needs, cluster: cluster)
    }

    /// Topics that the configuration names as they are, and that the source hides from us. What an expression might
    /// match cannot be asked for.
    ///
    /// - Parameter visible: topics that the source shows.
    func examineHidden(visible: some Collection<String>) async -> [Finding] {
        let names = settings.topics.allow.map(\.text).filter {
            $0.utf8.allSatisfy(Self.isPlain) && !visible.contains($0)
        }
        let hidden = await hiddenTopics(names, on: source).sorted()
        var operations: [AccessOperation] = [.read]
        if settings.sync.topicConfigs { operations.append(.describeConfigs) }
        let missing = MissingPermissions(
            operations: operations, resource: .topic, names: hidden, cluster: settings.source)
        return missing.finding(.error, why: "a topic that we may not describe is not copied").map { [$0] } ?? []
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// - Parameter topics: progress topics of other flows on the source.
    func examineOpposite(_ topics: [String]) async -> [Finding] {
        guard settings.sync.groupOffsets, !topics.isEmpty else { return [] }
        let need = Need(
            operation: .read, severity: .error,
            why: "a flow that goes the other way keeps its offset maps there, and consumer groups are not kept in step "
                + "without them")
        return await examine(source, topics: topics, needs: [need], cluster: [])
    }

    /// - Parameters:
    ///   - copies: topics of the flow that exist on the target.
    ///   - state: those of the flow's own topics that exist there.
    func examineTarget(copies: [String], state: [String]) async -> [Finding] {
        var needs = [
            Need(operation: .write, severity: .error, why: "nothing can be written to it"),
            Need(
                operation: .read, severity: .warning,
                why: "at a start it cannot be read what an earlier run had written beyond its last checkpoint"
                    + (settings.sync.groupOffsets ? ", and no group's position can be committed in it" : "")),
        ]
        if settings.sync.partitions {
            needs.append(Need(operation: .alter, severity: .warning, why: "it cannot grow with its source"))
        }
        if settings.offsets == .preserve {
            needs.append(
                Need(
                    operation: .describeConfigs, severity: .error,
                    why: "its cleanup.policy is not known, which decides what may have the place of holes "
                        + "(offsets: preserve)"))
        } else if settings.sync.topicConfigs {
            needs.append(Need(operation: .describeConfigs, severity: .warning, why: "its settings cannot be compared"))
        }
        if settings.sync.topicConfigs {
            needs.append(
                Need(operation: .alterConfigs, severity: .warning, why: "its settings cannot follow the source"))
        }
        var cluster: [Need] = []
        if settings.offsets == .preserve {
            needs.append(
                Need(
                    operation: .delete, severity: .warning,
                    why:
                        "what brings a new topic's log to its source's first offset cannot be deleted (offsets: preserve)"
                ))
            cluster.append(
                Need(
                    operation: .alter, severity: .error,
                    why: "no markers can be written where the source's log has holes (offsets: preserve)"))
        }
        if settings.sync.acls {
            cluster.append(Need(operation: .describe, severity: .warning, why: "access rules cannot be read"))
            cluster.append(Need(operation: .alter, severity: .warning, why: "access rules cannot be copied"))
        }
        if settings.sync.quotas {
            cluster.append(Need(operation: .alterConfigs, severity: .warning, why: "client quotas cannot be copied"))
        }
        var findings = await examine(target, topics: copies, needs: needs, cluster: cluster, prefix: copyPrefix)
        if !state.isEmpty {
            let own = [
                Need(operation: .read, severity: .error, why: "the flow cannot find out how far it had come"),
                Need(operation: .write, severity: .error, why: "the flow cannot remember how far it has come"),
            ]
            findings += await examine(target, topics: state, needs: own, cluster: [], prefix: Self.statePrefix)
        }
        return findings + (await producerID())
    }

    private func examine(
        _ client: ClusterClient, topics: [String], needs: [Need], cluster: [Need], prefix: String? = nil
    ) async -> [Finding] {
        var findings: [Finding] = []
        var isSilent = false
        do throws(KafkaError) {
            var told: [String: AuthorizedOperations] = [:]
            for names in topics.chunked(by: Self.batch) {
                for (name, operations) in try await client.authorizedOperations(onTopics: names) {
                    if let operations = operations?.credible { told[name] = operations } else { isSilent = true }
                }
            }
            // One command grants all operations that are missing on the same topics.
            var together: [(needs: [Need], names: [String])] = []
            for need in needs {
                let lacking = topics.filter { told[$0].map { !$0.allows(need.operation) } ?? false }
                guard !lacking.isEmpty else { continue }
                if let index = together.firstIndex(where: { $0.names == lacking }) {
                    together[index].needs.append(need)
                } else {
                    together.append(([need], lacking))
                }
            }
            findings += together.flatMap { missing($0.needs, on: .topic, $0.names, of: client.settings, prefix) }
            if !cluster.isEmpty {
                let (lacking, isUnknown) = try await lacking(cluster, on: client)
                findings += missing(lacking, on: .cluster, [""], of: client.settings)
                if isUnknown { isSilent = true }
            }
        } catch {
            return findings + [
                Finding(
                    .warning, "permissions", client.settings.name, "cannot be asked for: \(error)",
                    why: "what is missing shows only when the flow runs")
            ]
        }
        if isSilent {
            let all = Set(needs.map(\.operation) + cluster.map(\.operation)).map { "\($0)" }.sorted()
            findings.append(
                .cannotTell(
                    client.settings, "what we may do to \(cluster.isEmpty ? "topics" : "topics or the cluster")",
                    needed: "\(all.joined(separator: ", ")), as Docs/Security.md tells"))
        } else if findings.isEmpty, !topics.isEmpty || !cluster.isEmpty {
            let operations = Set(needs.map(\.operation) + cluster.map(\.operation)).map { "\($0)" }.sorted()
            findings.append(
                Finding(
                    .ok, "permissions", client.settings.name,
                    "\(operations.joined(separator: ", ")) as needed, on \(topics.count.counted("topic"))"))
        }
        return findings
    }

    /// Needs that a cluster denies, and whether it leaves any of them open.
    ///
    /// Kafka tells those who may not describe the cluster that they may do nothing, whatever else they may; others say
    /// the same to everybody. So that answer is looked into.
    private func lacking(
        _ needs: [Need], on client: ClusterClient
    ) async throws(KafkaError) -> (lacking: [Need], isUnknown: Bool) {
        guard let told = try await client.authorizedOperationsOnCluster() else { return ([], true) }
        if let operations = told.credible { return (needs.filter { !operations.allows($0.operation) }, false) }
        do throws(KafkaError) {
            _ = try await client.accessRules()
            return ([], true)
        } catch  where error.isNotOffered {
            // Without an authorizer everybody may do everything.
            return ([], error.code != .securityDisabled)
        } catch  where error.isAuthorization {
            // To be allowed to alter is to be allowed to describe.
            let denied = needs.filter { $0.operation == .describe || $0.operation == .alter }
            return (denied, denied.count < needs.count)
        }
    }

    private func missing(
        _ needs: [Need], on resource: AccessRule.ResourceType, _ names: [String], of cluster: ClusterSettings,
        _ prefix: String? = nil
    ) -> [Finding] {
        let missing = MissingPermissions(
            operations: needs.map(\.operation), resource: resource, names: names, cluster: cluster, prefix: prefix)
        let isError = needs.contains { $0.severity == .error }
        let why = needs.map(\.why).joined(separator: "; ")
        return missing.finding(isError ? .error : .warning, why: why).map { [$0] } ?? []
    }

    /// Harmless: an id that nobody uses costs nothing.
    private func producerID() async -> [Finding] {
        do throws(KafkaError) {
            _ = try await target.initProducerID()
            return []
        } catch  where error.isAuthorization {
            let permission = MissingPermission(.idempotentWrite, on: .cluster, of: settings.target)
            return [
                Finding(
                    .error, "permissions", settings.target.name, "\(permission)",
                    why: "no producer id is given to us, so nothing can be written idempotently",
                    remedy: permission.command)
            ]
        } catch {
            return [
                Finding(
                    .error, "permissions", settings.target.name, "gives no producer id: \(error)",
                    why: "nothing can be written idempotently")
            ]
        }
    }

    /// Asks the target whether it would create these topics, which it answers without doing it. What is needed on a topic
    /// once it exists cannot be asked before: a rule that lets us create it gives all of it at once.
    func examineCreation(_ topics: [NewTopic]) async -> [Finding] {
        var findings: [Finding] = []
        var denied: [String] = []
        let hidden = await hiddenTopics(topics.map(\.name), on: target)
        for batch in topics.chunked(by: Self.batch) {
            for (name, outcome) in await target.createTopics(batch, validateOnly: true).sorted(by: { $0.key < $1.key })
            {
                guard case .failure(let error) = outcome, error.code != .topicAlreadyExists else {
                    if hidden.contains(name) { denied.append(name) }
                    continue
                }
                guard error.isAuthorization else {
                    findings.append(
                        Finding(
                            .error, "creation", name, "would be refused: \(error.reason.words)",
                            why: "the topic cannot be copied",
                            remedy: "create the topic yourself, or remove the cause given above"))
                    continue
                }
                denied.append(name)
            }
        }
        findings = findings.bounded(Self.shown, check: "creation") + creationDenied(denied)
        guard findings.isEmpty else { return findings }
        return topics.isEmpty
            ? [] : [Finding(.ok, "creation", settings.target.name, "would create \(topics.count.counted("topic"))")]
    }

    /// Topics that a cluster does not let us see, if they exist: it says so of each that is asked for by name.
    private func hiddenTopics(_ names: [String], on client: ClusterClient) async -> Set<String> {
        var hidden: Set<String> = []
        for batch in names.chunked(by: Self.batch) {
            guard let metadata = try? await client.metadata(.named(batch)) else { continue }
            hidden.formUnion(batch.filter { metadata.topics[$0]?.error == .topicAuthorizationFailed })
        }
        return hidden
    }

    private func creationDenied(_ names: [String]) -> [Finding] {
        let state = names.filter { $0.hasPrefix(Self.statePrefix) }
        let copies = names.filter { !$0.hasPrefix(Self.statePrefix) }
        var operations: [AccessOperation] = [.create, .read, .write]
        let ofState = operations + [.describeConfigs, .alterConfigs]
        if settings.sync.partitions { operations.append(.alter) }
        if settings.sync.topicConfigs || settings.offsets == .preserve { operations.append(.describeConfigs) }
        if settings.sync.topicConfigs { operations.append(.alterConfigs) }
        let kinds = [
            MissingPermissions(
                operations: operations, resource: .topic, names: copies, cluster: settings.target,
                prefix: copyPrefix),
            MissingPermissions(
                operations: ofState, resource: .topic, names: state, cluster: settings.target,
                prefix: Self.statePrefix),
        ]
        let why = ["the topic cannot be created and copied to", "the flow cannot remember how far it has come"]
        return zip(kinds, why).compactMap { kind, why in kind.finding(.error, why: why) }
    }

    /// The beginning of the names of all copies; nil in identical naming.
    private var copyPrefix: String? {
        if case .prefix(let alias, let separator) = settings.naming { alias + separator } else { nil }
    }

    /// The beginning of the names of all topics that flows keep state in.
    private static let statePrefix = "__replicator"
}

extension AuthorizedOperations {
    /// The same, unless it cannot be true: what may not be described would not have been described to us.
    var credible: AuthorizedOperations? { allows(.describe) ? self : nil }
}

extension Finding {
    /// A cluster does not say what we may do: a broker before Kafka 2.3, or one that leaves it out. That is no reason
    /// for alarm, and none for trust.
    static func cannotTell(_ cluster: ClusterSettings, _ what: String, needed: String) -> Finding {
        Finding(
            .warning, "permissions", cluster.name, "cannot tell: the cluster does not say \(what)",
            why: "a permission that is missing shows only when the flow runs",
            remedy: "if it has an authorizer, look with: \(MissingPermission.listing(of: cluster)); needed: \(needed)")
    }
}
