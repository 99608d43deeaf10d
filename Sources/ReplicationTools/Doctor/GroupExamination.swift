internal import BoundedExpressions
internal import KafkaClient
internal import KafkaWire
internal import PlainText
internal import Replication

/// Examination of the rights that keeping consumer groups in step needs: DESCRIBE on each group at the source, READ on
/// each on the target. Both are asked what we may do to each group (KIP-430), whether it exists there or not.
struct GroupExamination: Sendable {
    let settings: FlowSettings
    let source: ClusterClient
    let target: ClusterClient

    /// Groups that are looked at; each costs a question or two to either cluster.
    private static let examined = 1_000
    /// Questions to a cluster at a time.
    private static let width = 16
    private static let shown = 10

    func examine() async -> [Finding] {
        guard settings.sync.groupOffsets else { return [] }
        var selected: [(group: String, targetGroup: String, kind: GroupKind)] = []
        var undecided: [Finding] = []
        do throws(KafkaError) {
            let selector = GroupSelector(settings)
            for group in try await source.listGroups() {
                do throws(UndecidedMatch) {
                    if let name = try selector.target(of: group) { selected.append((group.id, name, group.kind)) }
                } catch {
                    undecided.append(
                        Finding(
                            .error, "groups", group.id, "\(error)", why: "the group is not kept in step",
                            remedy: "write the expression in a simpler way, or name the group itself in allow or deny"))
                }
            }
        } catch {
            return [
                Finding(
                    .error, "groups", settings.source.name, "consumer groups cannot be listed: \(error)",
                    why: "no group is kept in step",
                    remedy: "remove the cause given above, or set sync.groupOffsets to false")
            ]
        }
        undecided = undecided.bounded(Self.shown, check: "groups")
        undecided += await kinds(selected.map { ($0.group, $0.kind) })
        guard !selected.isEmpty else {
            return undecided + [
                Finding(
                    .ok, "groups", settings.source.name,
                    "no consumer group is selected, or may be seen; positions of later ones are kept in step")
            ]
        }
        let groups = selected.prefix(Self.examined)
        var findings = undecided
        findings += await examine(
            groups.map(\.group), on: source, need: .describe, why: "its positions cannot be read")
        findings += await examine(
            groups.map(\.targetGroup), on: target, need: .read, why: "its positions cannot be committed there")
        if selected.count > groups.count {
            findings.append(
                Finding(
                    .warning, "groups", settings.source.name,
                    "only the first \(groups.count) of \(selected.count) consumer groups were looked at",
                    why: "what is missing for the others shows only when the flow runs"))
        }
        return findings
    }

    private enum Answer: Sendable {
        case allowed
        case denied
        case untold
        case failed(KafkaError)
    }

    private func examine(
        _ groups: [String], on client: ClusterClient, need: AccessOperation, why: String
    ) async -> [Finding] {
        let cluster = client.settings
        let answers = await concurrently(groups.map(ExactName.init), width: Self.width) {
            await Self.answer(about: $0.text, at: client, need)
        }
        var denied: [String] = []
        var failed: [Finding] = []
        var isSilent = false
        for group in groups {
            switch answers[ExactName(group)] {
            case .denied: denied.append(group)
            case .failed(let error):
                failed.append(
                    Finding(
                        .warning, "permissions", group, "\(cluster.name) cannot be asked about it: \(error)",
                        why: "what is missing shows only when the flow runs"))
            case .untold: isSilent = true
            case .allowed, nil: break
            }
        }
        let missing = MissingPermissions(operations: [need], resource: .group, names: denied, cluster: cluster)
        let alternative = "; or leave \(denied.count == 1 ? "the group" : "groups") out with consumerGroups.deny"
        var findings = failed.bounded(Self.shown, check: "permissions")
        if let finding = missing.finding(.error, why: why, or: alternative) { findings.insert(finding, at: 0) }
        if isSilent {
            findings.append(
                .cannotTell(
                    cluster, "what we may do to consumer groups", needed: "\(need) on \(groups.count.counted("group"))")
            )
        } else if findings.isEmpty {
            findings.append(
                Finding(.ok, "permissions", cluster.name, "\(need) as needed, on \(groups.count) consumer groups"))
        }
        return findings
    }

    private static func answer(
        about group: String, at client: ClusterClient, _ need: AccessOperation
    ) async -> Answer {
        do throws(KafkaError) {
            guard let told = try await client.authorizedOperations(onGroup: group)?.credible else { return .untold }
            return told.allows(need) ? .allowed : .denied
        } catch  where error.isAuthorization {
            // A group that we may not describe we may not read either.
            return .denied
        } catch {
            return .failed(error)
        }
    }
}
