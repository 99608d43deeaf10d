internal import FoundationEssentials
internal import KafkaClient
internal import Replication

/// Answer of MSK's DescribeReplicator: the fields that mean something here. The command line capitalises keys, the
/// service does not: both are read.
struct MSKReplicatorDescription: Decodable {
    var replicatorName: String?
    var kafkaClusters: [Cluster]
    var replicationInfoList: [Replication]
    var serviceExecutionRoleArn: String?

    struct Cluster: Decodable {
        var kafkaClusterAlias: String?
        var amazonMskCluster: AmazonCluster?
        var apacheKafkaCluster: ApacheCluster?
        var clientAuthentication: ClientAuthentication?
    }

    struct AmazonCluster: Decodable {
        var mskClusterArn: String?
    }

    struct ApacheCluster: Decodable {
        var bootstrapBrokerString: String?
        var apacheKafkaClusterId: String?
    }

    /// Only whether it is there: what it holds are names of secrets in another service.
    struct ClientAuthentication: Decodable {
        var saslScram: Scram?
        var mtls: Anything?
    }

    struct Scram: Decodable {
        var mechanism: String?
    }

    struct Anything: Decodable {
        init(from decoder: any Decoder) throws {}
    }

    struct Replication: Decodable {
        var sourceKafkaClusterAlias: String?
        var targetKafkaClusterAlias: String?
        /// In place of the aliases in a request to create a replicator.
        var sourceKafkaClusterArn: String?
        var targetKafkaClusterArn: String?
        var targetCompressionType: String?
        var topicReplication: Topics?
        var consumerGroupReplication: Groups?
    }

    struct Topics: Decodable {
        var topicsToReplicate: [String]?
        var topicsToExclude: [String]?
        var copyTopicConfigurations: Bool?
        var copyAccessControlListsForTopics: Bool?
        var detectAndCopyNewTopics: Bool?
        var startingPosition: Kind?
        var topicNameConfiguration: Kind?
    }

    struct Groups: Decodable {
        var consumerGroupsToReplicate: [String]?
        var consumerGroupsToExclude: [String]?
        var detectAndCopyNewConsumerGroups: Bool?
        var synchroniseConsumerGroupOffsets: Bool?
    }

    struct Kind: Decodable {
        var type: String?
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int?

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }
    }

    static func read(_ text: String) throws(ImportFailure) -> ImportedConfiguration {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in
            let key = path.last?.stringValue ?? ""
            return Key(stringValue: key.prefix(1).lowercased() + key.dropFirst())
        }
        do {
            return try decoder.decode(Self.self, from: Data(text.utf8)).configuration()
        } catch let failure as ImportFailure {
            throw failure
        } catch {
            throw ImportFailure(
                "this is not what `aws kafka describe-replicator` prints (KafkaClusters and ReplicationInfoList are "
                    + "expected at the top)\(place(of: error))")
        }
    }

    /// Place where the text is not as expected; never the text there.
    private static func place(of error: any Error) -> String {
        guard let error = error as? DecodingError else { return "" }
        let path: [any CodingKey]
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            path = context.codingPath
        case .keyNotFound(let key, let context): path = context.codingPath + [key]
        @unknown default: return ""
        }
        return path.isEmpty ? "" : ": look at " + path.map(\.stringValue).joined(separator: ".")
    }
}

extension MSKReplicatorDescription {
    private func configuration() throws(ImportFailure) -> ImportedConfiguration {
        var imported = ImportedConfiguration(origin: "MSK Replicator" + (replicatorName.map { " \($0)" } ?? ""))
        var names: [String] = []
        var variables = SecretVariables()
        for cluster in kafkaClusters {
            let name = ImportedName.unique(
                ImportedName.plain(Self.alias(of: cluster), otherwise: "cluster"), among: Set(names))
            names.append(name)
            imported.clusters.append(self.cluster(cluster, name, &variables, &imported.remarks))
        }
        for replication in replicationInfoList {
            let source = index(replication.sourceKafkaClusterAlias, replication.sourceKafkaClusterArn)
            let target = index(replication.targetKafkaClusterAlias, replication.targetKafkaClusterArn)
            guard let source, let target, source != target else {
                throw ImportFailure("a replication names a cluster that KafkaClusters does not list")
            }
            imported.flows.append(
                flow(replication, names[source], names[target], alias: Self.alias(of: kafkaClusters[source])))
        }
        guard !imported.flows.isEmpty else {
            throw ImportFailure("ReplicationInfoList is empty: nothing is replicated")
        }
        if let role = serviceExecutionRoleArn {
            imported.remarks.append(
                .toDo(
                    "the role \(role) was used by MSK; give its permissions to whom this replicator runs as, "
                        + "or set sasl.aws.roleArn"))
        }
        return imported
    }

    private func index(_ alias: String?, _ arn: String?) -> Int? {
        kafkaClusters.firstIndex { cluster in
            if let alias { return Self.alias(of: cluster) == alias }
            return arn != nil && cluster.amazonMskCluster?.mskClusterArn == arn
        }
    }

    /// `arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID`, in its parts.
    private static func parts(ofARN arn: String?) -> [String] {
        arn?.split(separator: ":").map { String($0) } ?? []
    }

    private static func alias(of cluster: Cluster) -> String {
        let name = parts(ofARN: cluster.amazonMskCluster?.mskClusterArn).last.map {
            $0.split(separator: "/").dropFirst().joined(separator: "-")
        }
        return cluster.kafkaClusterAlias ?? name ?? cluster.apacheKafkaCluster?.apacheKafkaClusterId ?? "cluster"
    }

    private func cluster(
        _ cluster: Cluster, _ name: String, _ variables: inout SecretVariables, _ remarks: inout [ImportRemark]
    ) -> ImportedConfiguration.Cluster {
        let arn = cluster.amazonMskCluster?.mskClusterArn
        let parts = Self.parts(ofARN: arn)
        var settings: [(key: String, value: String)] = []
        let servers = (cluster.apacheKafkaCluster?.bootstrapBrokerString ?? "").listElements
            .filter { HostAndPort($0) != nil }
        if servers.isEmpty {
            settings.append(("bootstrapServers", YAMLText.quoted("\(name).example:9098")))
            remarks.append(
                .toDo(
                    "cluster \(name): fill in bootstrapServers"
                        + (arn.map { ", from aws kafka get-bootstrap-brokers --cluster-arn \($0)" } ?? "")))
        } else {
            settings.append(("bootstrapServers", YAMLText.quoted(servers.joined(separator: ","))))
        }
        settings.append(("securityProtocol", "SASL_SSL"))
        if arn != nil {
            settings.append(("sasl.mechanism", "AWS_MSK_IAM"))
            if parts.count > 3 { settings.append(("sasl.aws.region", YAMLText.quoted(parts[3]))) }
        } else if let scram = cluster.clientAuthentication?.saslScram {
            let mechanism = scram.mechanism?.contains("256") == true ? "SCRAM-SHA-256" : "SCRAM-SHA-512"
            let user = variables.name("KAFKA", "USERNAME", for: name)
            let password = variables.name("KAFKA", "PASSWORD", for: name)
            settings += [
                ("sasl.mechanism", mechanism), ("sasl.username", YAMLText.quoted("${env:\(user)}")),
                ("sasl.password", YAMLText.quoted("${env:\(password)}")),
            ]
            remarks.append(.toDo("cluster \(name): set \(user) and \(password), from the secret that MSK used"))
        } else {
            settings[settings.count - 1] = ("securityProtocol", "SSL")
            if cluster.clientAuthentication?.mtls != nil {
                settings += [
                    ("tls.certificateFile", YAMLText.quoted("\(name)-certificate.pem")),
                    ("tls.keyFile", YAMLText.quoted("\(name)-key.pem")),
                ]
                remarks.append(
                    .toDo(
                        "cluster \(name): write certificate and key, from the secret that MSK used, to "
                            + "\(name)-certificate.pem and \(name)-key.pem"))
            } else {
                remarks.append(
                    .toDo("cluster \(name): say in sasl or tls how it is to be entered; the description does not tell"))
            }
        }
        return ImportedConfiguration.Cluster(name: name, settings: settings)
    }

    private func flow(
        _ replication: Replication, _ source: String, _ target: String, alias: String
    ) -> ImportedConfiguration.Flow {
        let topics = replication.topicReplication, groups = replication.consumerGroupReplication
        var flow = ImportedConfiguration.Flow(
            name: "\(source)-to-\(target)", source: source, target: target, settings: [])
        func patterns(_ key: String, _ texts: [String]?, otherwise standard: [String]) -> [String] {
            (texts ?? standard).filter { text in
                if !text.contains("${"), (try? NamePattern(text)) != nil { return true }
                flow.remarks.append(.lost("\(key): \"\(text)\" is no regular expression here, and is left out"))
                return false
            }
        }
        let allow = patterns("topicsToReplicate", topics?.topicsToReplicate, otherwise: [".*"])
        let deny = patterns("topicsToExclude", topics?.topicsToExclude, otherwise: [])
        if allow.isEmpty { flow.remarks.append(.toDo("it selects no topic; fill in topics.allow")) }
        flow.settings = [
            ("topics.allow", YAMLText.list(allow.isEmpty ? ["none"] : allow)), ("topics.deny", YAMLText.list(deny)),
            (
                "consumerGroups.allow",
                YAMLText.list(
                    patterns("consumerGroupsToReplicate", groups?.consumerGroupsToReplicate, otherwise: [".*"]))
            ),
            (
                "consumerGroups.deny",
                YAMLText.list(patterns("consumerGroupsToExclude", groups?.consumerGroupsToExclude, otherwise: []))
            ),
        ]
        if topics?.topicNameConfiguration?.type == "IDENTICAL" {
            flow.settings.append(("naming.mode", "identical"))
            flow.remarks.append(
                .differs(
                    "records that MSK Replicator copied carry its own loop header; see Docs/ReplicationSemantics.md "
                        + "before you let both run"))
        } else {
            flow.settings += [
                ("naming.mode", "prefix"),
                ("naming.alias", YAMLText.quoted(ImportedName.plain(alias, otherwise: source))),
                ("naming.separator", YAMLText.quoted(".")),
            ]
        }
        flow.settings.append(("startFrom", topics?.startingPosition?.type == "EARLIEST" ? "earliest" : "latest"))
        let codec = replication.targetCompressionType?.lowercased() ?? "none"
        if ["gzip", "snappy", "lz4", "zstd"].contains(codec) {
            flow.settings.append(("compression", codec))
        } else {
            flow.remarks.append(
                .differs("MSK wrote uncompressed (NONE); here batches keep their codec, which is cheaper on both sides")
            )
        }
        flow.settings += [
            ("sync.topicConfigs", "\(topics?.copyTopicConfigurations ?? true)"),
            ("sync.acls", "\(topics?.copyAccessControlListsForTopics ?? true)"),
            ("sync.groupOffsets", "\(groups?.synchroniseConsumerGroupOffsets ?? true)"),
            ("sync.newTopics", "\(topics?.detectAndCopyNewTopics ?? true)"),
        ]
        if groups?.detectAndCopyNewConsumerGroups == false {
            flow.remarks.append(
                .differs(
                    "detectAndCopyNewConsumerGroups: false has no equivalent; list the groups in consumerGroups.allow"))
        }
        return flow
    }
}
