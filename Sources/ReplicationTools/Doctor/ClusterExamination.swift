internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Examination of the brokers that a cluster advertises: each can be reached from here, and speaks what the flow needs.
struct ClusterExamination {
    enum Side {
        case source, target
    }

    let side: Side
    let client: ClusterClient

    private var name: String { client.settings.name }

    /// An API that a broker must, or should, offer; and the consequence where it does not.
    private struct Need {
        let api: ApiKey
        /// At least one version in here.
        let versions: ClosedRange<Int16>
        let severity: Finding.Severity
        let why: String
    }

    private static let sourceNeeds = [
        Need(api: .fetch, versions: 4...Int16.max, severity: .error, why: "records are read with it (Kafka 0.11)"),
        Need(
            api: .listOffsets, versions: 1...Int16.max, severity: .error,
            why: "the start of each partition is found with it"),
        Need(api: .metadata, versions: 4...Int16.max, severity: .error, why: "topics are found with it (Kafka 0.11)"),
        Need(
            api: .metadata, versions: 10...Int16.max, severity: .warning,
            why: "without topic ids (Kafka 2.8) a topic that was deleted and created again looks like the old one"),
        Need(
            api: .describeConfigs, versions: 1...Int16.max, severity: .warning,
            why: "settings of topics are copied with it (Kafka 1.1)"),
    ]

    private static let targetNeeds = [
        Need(api: .produce, versions: 3...Int16.max, severity: .error, why: "records are written with it (Kafka 0.11)"),
        Need(
            api: .produce, versions: 7...Int16.max, severity: .warning,
            why: "zstd batches are taken from this version on (Kafka 2.1)"),
        Need(
            api: .initProducerId, versions: 0...Int16.max, severity: .error,
            why: "records are written idempotently, with a producer id"),
        Need(api: .createTopics, versions: 1...Int16.max, severity: .error, why: "topics are created with it"),
        Need(
            api: .describeProducers, versions: 0...Int16.max, severity: .warning,
            why: "without it (Kafka 2.8) taking a partition over has to find out by trying what an earlier run wrote"),
        Need(
            api: .incrementalAlterConfigs, versions: 0...Int16.max, severity: .warning,
            why:
                "without it (Kafka 2.3) settings can only be written back as a whole, which can undo a change made at the same moment"
        ),
    ]

    /// - Returns: the findings, and whether anything else can be asked of the cluster.
    func examine() async -> (findings: [Finding], metadata: ClusterMetadata?) {
        let metadata: ClusterMetadata
        do throws(KafkaError) {
            metadata = try await client.metadata(.all)
        } catch {
            let finding = Finding(
                .error, "reachability", name, "cannot be asked: \(error)", why: "nothing can be replicated",
                remedy: "check bootstrapServers, the network and the credentials of clusters.\(name)")
            return ([finding], nil)
        }
        var findings = await bootstrapServers(metadata.clusterID)
        var reached: [(broker: BrokerEndpoint, versions: NegotiatedVersions)] = []
        for broker in metadata.brokers.values.sorted(by: { $0.id < $1.id }) {
            do throws(KafkaError) {
                let connection = try await client.connection(to: broker.id, purpose: .admin)
                reached.append((broker, connection.versions))
            } catch {
                findings.append(unreachable(broker, error))
            }
        }
        if reached.count == metadata.brokers.count {
            let addresses = reached.map { "\($0.broker.address)" }.joined(separator: ", ")
            findings.append(
                Finding(
                    .ok, "reachability", name,
                    "\(reached.count == 1 ? "its broker" : "all \(reached.count) brokers") can be reached from here: "
                        + addresses))
        }
        return (findings + versions(reached), metadata)
    }

    /// The addresses that the configuration names, each by itself: with several, one that is wrong goes unnoticed until
    /// the others are gone.
    private func bootstrapServers(_ clusterID: String?) async -> [Finding] {
        let servers = client.settings.bootstrapServers
        guard servers.count > 1 else { return [] }
        let answers = await concurrently(servers, width: 16) { [client] server -> Result<String?, KafkaError> in
            do throws(KafkaError) { return .success(try await client.clusterID(at: server)) } catch {
                return .failure(error)
            }
        }
        let key = "clusters.\(name).bootstrapServers"
        return servers.compactMap { server in
            switch answers[server] {
            case .failure(let error):
                return Finding(
                    .warning, "reachability", name, "\(server) of \(key) cannot be used: \(error.reason.words)",
                    why: "the others answer; without them the cluster would not be found",
                    remedy: "correct or remove it in \(key), or bring it back")
            case .success(let found?) where !found.isEmpty && clusterID.map { $0 != found } ?? false:
                return Finding(
                    .error, "reachability", name,
                    "\(server) of \(key) leads to another cluster, \(found), than the others, \(clusterID ?? "")",
                    why: "the flow would work with whichever answers first", remedy: "correct \(key)")
            case .success, nil: return nil
            }
        }
    }

    private func unreachable(_ broker: BrokerEndpoint, _ error: KafkaError) -> Finding {
        Finding(
            .error, "reachability", "\(name) broker \(broker.id)",
            "is advertised at \(broker.address) and cannot be reached from here: \(error.reason.words)",
            why: side == .source
                ? "the partitions that it leads cannot be read" : "the partitions that it leads cannot be written",
            remedy: "start the broker, open the way to \(broker.address), or correct its advertised.listeners")
    }

    private func versions(_ reached: [(broker: BrokerEndpoint, versions: NegotiatedVersions)]) -> [Finding] {
        guard !reached.isEmpty else { return [] }
        var findings: [Finding] = []
        for need in side == .source ? Self.sourceNeeds : Self.targetNeeds {
            let lacking = reached.filter { broker in
                guard let range = broker.versions.range(of: need.api) else { return true }
                return !range.overlaps(need.versions)
            }
            guard !lacking.isEmpty else { continue }
            let ids = lacking.map { "\($0.broker.id)" }.joined(separator: ", ")
            let offered = lacking.first?.versions.range(of: need.api).map {
                "versions \($0.lowerBound)-\($0.upperBound)"
            }
            findings.append(
                Finding(
                    need.severity, "versions", name,
                    "broker \(ids) offers \(offered ?? "no version") of \(need.api), \(need.versions.lowerBound) or later is needed",
                    why: need.why, remedy: "upgrade the broker"))
        }
        if !findings.contains(where: { $0.severity == .error }) {
            let api = side == .source ? ApiKey.fetch : .produce
            let ranges = Set(reached.compactMap { $0.versions.range(of: api) }).map {
                "\($0.lowerBound)-\($0.upperBound)"
            }
            findings.append(
                Finding(.ok, "versions", name, "speaks \(api) \(ranges.sorted().joined(separator: " and "))"))
        }
        return findings
    }
}
