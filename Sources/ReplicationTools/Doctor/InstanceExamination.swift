internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Examination of the flow's group: the target lets an instance in, with its session time-out.
struct InstanceExamination: Sendable {
    let settings: FlowSettings
    let target: ClusterClient

    private var instances: InstanceGroup { InstanceGroup(flow: settings.name) }
    private var group: String { instances.name }
    private var sessionTimeout: Duration {
        settings.instance?.sessionTimeout ?? InstanceSettings(id: "").sessionTimeout
    }

    /// - Parameter metadata: of the target.
    func examine(_ metadata: ClusterMetadata) async -> [Finding] {
        var findings: [Finding] = []
        if await isWorthAsking(metadata) {
            findings += await permissions()
            // A group that we may not describe is found with the permissions.
            if findings.allSatisfy({ $0.severity == .ok }) { findings += await members() }
        }
        return findings + (await bounds(of: metadata.brokers.keys))
    }

    /// A request for a group's coordinator makes the cluster create its topic of groups, if it has none. Then no group is
    /// in the way, and without an authorizer no right is missing.
    private func isWorthAsking(_ metadata: ClusterMetadata) async -> Bool {
        guard metadata.topics["__consumer_offsets"] == nil else { return true }
        do throws(KafkaError) {
            _ = try await target.accessRules()
            return true
        } catch {
            return error.code != .securityDisabled
        }
    }

    private func permissions() async -> [Finding] {
        do throws(KafkaError) {
            guard let told = try await target.authorizedOperations(onGroup: group)?.credible else {
                return [
                    .cannotTell(
                        settings.target, "what we may do to the group of the flow's instances",
                        needed: "READ and DESCRIBE on group \(group)")
                ]
            }
            guard !told.allows(.read) else {
                return [
                    Finding(.ok, "permissions", settings.target.name, "READ as needed, on the flow's group \(group)")
                ]
            }
            return denied([.read])
        } catch  where error.isAuthorization {
            return denied([.read, .describe])
        } catch {
            return [
                Finding(
                    .warning, "instances", group, "\(settings.target.name) cannot be asked about it: \(error)",
                    why: "whether the flow is let into its group shows only when it runs")
            ]
        }
    }

    private func denied(_ operations: [AccessOperation]) -> [Finding] {
        let missing = MissingPermissions(
            operations: operations, resource: .group, names: [group], cluster: settings.target,
            prefix: instances.prefix)
        return missing.finding(
            .error,
            why: "the instances of a flow share it through this group, a lone one too: it copies nothing without it"
        ).map { [$0] } ?? []
    }

    /// Looks at the members: members of another protocol keep the flow out.
    private func members() async -> [Finding] {
        // A failure to list groups has been reported with the consumer groups.
        guard let groups = try? await target.listGroups(), let found = groups.first(where: { $0.id == group }),
            found.hasMembers, found.protocolType != instances.protocolType
        else { return [] }
        return [
            Finding(
                .error, "instances", group,
                "it has members of protocol type \"\(found.protocolType)\" on \(settings.target.name)",
                why: "the flow is not let into its own group",
                remedy: "stop the consumers that use this group, or give the flow another name")
        ]
    }

    private func bounds(of brokers: some Collection<Int32>) async -> [Finding] {
        guard let broker = brokers.min() else { return [] }
        let resource = ConfigResource.broker(broker)
        let keys = ["group.min.session.timeout.ms", "group.max.session.timeout.ms"]
        // Not every cluster tells them, and not everybody may ask.
        guard case .success(let entries)? = await target.describeConfigs([resource], keys: keys)[resource] else {
            return []
        }
        let wanted = sessionTimeout.milliseconds
        let least = entries[keys[0]]?.value.flatMap { Int64($0) } ?? .min
        let most = entries[keys[1]]?.value.flatMap { Int64($0) } ?? .max
        guard wanted < least || wanted > most else { return [] }
        let (key, bound) = wanted < least ? (keys[0], least) : (keys[1], most)
        return [
            Finding(
                .error, "instances", settings.target.name,
                "its brokers allow no session of \(wanted) ms in a group: \(key) is \(bound)",
                why: "the flow is not admitted to its group, and copies nothing",
                remedy: "set instance.sessionTimeout to \(bound)ms, or change \(key) there")
        ]
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
