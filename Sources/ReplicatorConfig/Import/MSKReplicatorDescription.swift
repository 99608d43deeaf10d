internal import FoundationEssentials

/// What MSK's DescribeReplicator answers: the fields that mean something here. The command line capitalises keys, the
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
        var sourceKafkaClusterAlias: String
        var targetKafkaClusterAlias: String
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
            return try decoder.decode(Self.self, from: Data(text.utf8)).configuration
        } catch {
            throw ImportFailure(
                "this is not what `aws kafka describe-replicator` prints (KafkaClusters and ReplicationInfoList are "
                    + "expected at the top)" + Self.place(of: error))
        }
    }
}

extension MSKReplicatorDescription {
    /// Where decoding stopped, without what stands there.
    private static func place(of error: any Error) -> String {
        let context: DecodingError.Context
        switch error as? DecodingError {
        case .keyNotFound(let key, let found):
            return ": \((found.codingPath + [key]).map(\.stringValue).joined(separator: ".")) is missing"
        case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found): context = found
        default: return ""
        }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return path.isEmpty ? ": it is not valid JSON" : ": \(path) is not what is expected there"
    }

    private var configuration: ImportedConfiguration {
        var imported = ImportedConfiguration(origin: "MSK Replicator" + (replicatorName.map { " \($0)" } ?? ""))
        for cluster in kafkaClusters { imported.clusters.append(self.cluster(cluster, &imported.remarks)) }
        for replication in replicationInfoList { imported.flows.append(flow(replication)) }
        if let role = serviceExecutionRoleArn {
            imported.remarks.append(
                "the role \(role) was used by MSK; give its permissions to whom this replicator runs as, "
                    + "or set sasl.aws.roleArn")
        }
        return imported
    }

    private func cluster(_ cluster: Cluster, _ remarks: inout [String]) -> ImportedConfiguration.Cluster {
        let arn = cluster.amazonMskCluster?.mskClusterArn
        // arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID
        let parts = arn?.split(separator: ":").map { String($0) } ?? []
        let name =
            cluster.kafkaClusterAlias ?? parts.last.map { $0.split(separator: "/").dropFirst().joined(separator: "-") }
            ?? cluster.apacheKafkaCluster?.apacheKafkaClusterId ?? "cluster"
        var settings: [(key: String, value: String)] = []
        if let servers = cluster.apacheKafkaCluster?.bootstrapBrokerString {
            settings.append(("bootstrapServers", ImportedConfiguration.quoted(servers)))
        } else {
            settings.append(("bootstrapServers", ImportedConfiguration.quoted("\(name).example:9098")))
            remarks.append(
                "cluster \(name): fill in bootstrapServers, from "
                    + "aws kafka get-bootstrap-brokers --cluster-arn \(arn ?? "ARN")")
        }
        settings.append(("securityProtocol", "SASL_SSL"))
        if arn != nil {
            settings.append(("sasl.mechanism", "AWS_MSK_IAM"))
            if parts.count > 3 { settings.append(("sasl.aws.region", ImportedConfiguration.quoted(parts[3]))) }
        } else if let scram = cluster.clientAuthentication?.saslScram {
            let mechanism = scram.mechanism?.contains("256") == true ? "SCRAM-SHA-256" : "SCRAM-SHA-512"
            settings += [
                ("sasl.mechanism", mechanism), ("sasl.username", ImportedConfiguration.quoted("${env:KAFKA_USERNAME}")),
                ("sasl.password", ImportedConfiguration.quoted("${env:KAFKA_PASSWORD}")),
            ]
            remarks.append("cluster \(name): set KAFKA_USERNAME and KAFKA_PASSWORD, from the secret that MSK used")
        } else {
            settings[settings.count - 1] = ("securityProtocol", "SSL")
            remarks.append("cluster \(name): say in sasl or tls how it is to be entered; the description does not tell")
        }
        return ImportedConfiguration.Cluster(name: name, settings: settings)
    }

    private func flow(_ replication: Replication) -> ImportedConfiguration.Flow {
        let source = replication.sourceKafkaClusterAlias, target = replication.targetKafkaClusterAlias
        let topics = replication.topicReplication, groups = replication.consumerGroupReplication
        var flow = ImportedConfiguration.Flow(
            name: "\(source)-to-\(target)", source: source, target: target, settings: [])
        flow.settings = [
            ("topics.allow", ImportedConfiguration.list(topics?.topicsToReplicate ?? [".*"])),
            ("topics.deny", ImportedConfiguration.list(topics?.topicsToExclude ?? [])),
            ("consumerGroups.allow", ImportedConfiguration.list(groups?.consumerGroupsToReplicate ?? [".*"])),
            ("consumerGroups.deny", ImportedConfiguration.list(groups?.consumerGroupsToExclude ?? [])),
        ]
        if topics?.topicNameConfiguration?.type == "IDENTICAL" {
            flow.settings.append(("naming.mode", "identical"))
            flow.remarks.append(
                "records that MSK Replicator copied carry its own loop header; see Docs/ReplicationSemantics.md before "
                    + "you let both run")
        } else {
            flow.settings += [
                ("naming.mode", "prefix"), ("naming.alias", ImportedConfiguration.quoted(source)),
                ("naming.separator", ImportedConfiguration.quoted(".")),
            ]
        }
        flow.settings.append(("startFrom", topics?.startingPosition?.type == "EARLIEST" ? "earliest" : "latest"))
        if let codec = replication.targetCompressionType?.lowercased(), codec != "none" {
            flow.settings.append(("compression", ImportedConfiguration.word(codec)))
        } else {
            flow.remarks.append(
                "MSK wrote uncompressed (NONE); here batches keep their codec, which is cheaper on both sides")
        }
        flow.settings += [
            ("sync.topicConfigs", "\(topics?.copyTopicConfigurations ?? true)"),
            ("sync.acls", "\(topics?.copyAccessControlListsForTopics ?? true)"),
            ("sync.groupOffsets", "\(groups?.synchroniseConsumerGroupOffsets ?? true)"),
            ("sync.newTopics", "\(topics?.detectAndCopyNewTopics ?? true)"),
        ]
        if groups?.detectAndCopyNewConsumerGroups == false {
            flow.remarks.append(
                "detectAndCopyNewConsumerGroups: false has no equivalent; list the groups in consumerGroups.allow")
        }
        return flow
    }
}
