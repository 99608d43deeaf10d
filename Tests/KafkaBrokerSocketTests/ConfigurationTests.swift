import ClusterTestSupport
import KafkaBroker
import KafkaWire
import Testing

/// Settings given at the start, and configurations that clients see and change.
@Suite(.timeLimit(.minutes(1))) struct ConfigurationTests {
    @Test(arguments: [
        (["no.such.key": "1"], "unknown broker setting no.such.key"),
        (["num.partition": "1"], "unknown broker setting num.partition; did you mean num.partitions?"),
        (
            ["sasl.kerberos.service.name": "kafka"],
            "sasl.kerberos.service.name is a Kafka setting that this broker does not support yet"
        ),
        (["num.partitions": "many"], "Invalid value many for configuration num.partitions: Not a number of type INT"),
        (["num.partitions": "0"], "Invalid value 0 for configuration num.partitions: Value must be at least 1"),
        (
            ["group.min.session.timeout.ms": "9", "group.max.session.timeout.ms": "8"],
            "group.min.session.timeout.ms (9) must not exceed group.max.session.timeout.ms (8)"
        ),
    ])
    func `settings that cannot be are refused in words`(properties: [String: String], message: String) async throws {
        await #expect(throws: BrokerError.invalidSettings(message)) {
            _ = try await EmbeddedCluster.start(BrokerSettings(properties: properties))
        }
    }

    @Test func `a port in use is told, and nothing is left behind`() async throws {
        try await withCluster { cluster in
            let port = cluster.ports[0]
            await #expect(
                throws: BrokerError.cannotListen(host: "127.0.0.1", port: port, reason: "the port is in use")
            ) {
                _ = try await EmbeddedCluster.start(BrokerSettings(port: port))
            }
        }
    }

    @Test func `a topic shows its own value, then the broker's, then the default`() async throws {
        try await withCluster(properties: ["log.retention.hours": "2", "message.max.bytes": "5000"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", configs: ["retention.ms": "1000"])
                let configs = try await describe(2, "t", connection)

                let retention = try #require(configs["retention.ms"])
                #expect(retention.value == "1000")
                #expect(retention.configSource == 1)
                #expect(
                    retention.synonyms.map(\.name) == ["retention.ms", "log.retention.hours", "log.retention.hours"])
                #expect(retention.synonyms.map(\.source) == [1, 4, 5])
                let size = try #require(configs["max.message.bytes"])
                #expect(size.value == "5000")
                #expect(size.configSource == 4)
                #expect(configs["segment.bytes"]?.configSource == 5)
                #expect(configs["segment.bytes"]?.documentation?.isEmpty == false)
            }
        }
    }

    @Test func `keys are set, extended and taken back one at a time`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", configs: ["retention.ms": "1000", "segment.ms": "5"])

                #expect(try await alter(2, "t", [("cleanup.policy", 2, "compact")], connection) == .none)
                #expect(try await alter(2, "t", [("retention.ms", 1, nil)], connection) == .none)
                var configs = try await describe(2, "t", connection)
                #expect(configs["cleanup.policy"]?.value == "delete,compact")
                #expect(configs["retention.ms"]?.value == "604800000")
                #expect(configs["segment.ms"]?.value == "5")

                #expect(try await alter(2, "t", [("cleanup.policy", 3, "delete")], connection) == .none)
                configs = try await describe(2, "t", connection)
                #expect(configs["cleanup.policy"]?.value == "compact")

                #expect(try await alter(2, "t", [("retention.ms", 2, "1")], connection) == .invalidConfig)
                #expect(try await alter(2, "t", [("no.such", 0, "1")], connection) == .invalidConfig)
                #expect(
                    try await alter(2, "nowhere", [("retention.ms", 0, "1")], connection) == .unknownTopicOrPartition)
            }
        }
    }

    @Test func `a change for all nodes reaches topics at once`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                #expect(try await alter(4, "", [("message.max.bytes", 0, "100")], connection) == .none)

                let big = String(repeating: "x", count: 200)
                #expect(try await connection.produce([big], to: "t").errorCode == .messageTooLarge)
                #expect(try await describe(2, "t", connection)["max.message.bytes"]?.configSource == 3)
                #expect(try await alter(4, "", [("num.partitions", 0, "3")], connection) == .invalidRequest)
            }
        }
    }

    @Test func `broker keys that nobody knows are kept, without a word of their values`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                #expect(try await alter(4, "", [("plugin.password", 0, "secret")], connection) == .none)
                #expect(try await alter(4, "1", [("my.plugin", 0, "x")], connection) == .none)
                #expect(try await alter(4, "", [("my.plugin", 2, "y")], connection) == .invalidConfig, "not a list")
                #expect(try await alter(4, "", [("remote.log.anything", 0, "1")], connection) == .invalidConfig)

                let node = try await describe(4, "1", connection)
                let all = try await describe(4, "", connection)

                #expect(Set(all.keys) == ["plugin.password"])
                for (entry, source) in [
                    (all["plugin.password"], 3), (node["plugin.password"], 3), (node["my.plugin"], 2),
                ] {
                    let entry = try #require(entry)
                    #expect(entry.isSensitive && entry.readOnly && entry.value == nil && entry.configType == 0)
                    #expect(entry.configSource == Int8(source) && entry.synonyms.map(\.value) == [nil])
                }
                #expect(try await alter(4, "", [("plugin.password", 1, nil)], connection) == .none)
                #expect(try await describe(4, "", connection).isEmpty)
            }
        }
    }

    @Test func `what Kafka changes as it runs is not read-only, even where it is fixed here`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let node = try await describe(4, "1", connection)

                for key in [
                    "log.retention.ms", "producer.id.expiration.ms", "log.cleaner.backoff.ms", "ssl.keystore.location",
                ] {
                    #expect(node[key]?.readOnly == false, "\(key)")
                }
                for key in ["log.retention.hours", "log.retention.minutes", "log.roll.hours", "num.partitions"] {
                    #expect(node[key]?.readOnly == true, "\(key)")
                    #expect(try await alter(4, "", [(key, 0, "1")], connection) == .invalidRequest, "\(key)")
                }
                #expect(try await alter(4, "1", [("ssl.keystore.location", 0, "/x")], connection) == .invalidRequest)
                #expect(try await alter(4, "", [("producer.id.expiration.ms", 0, "5")], connection) == .none)
                #expect(try await alter(4, "", [("log.cleaner.backoff.ms", 0, "5")], connection) == .none)
            }
        }
    }

    @Test(arguments: [BrokerRelease.kafka38, .kafka40])
    func `settings that Kafka 4 took back are those of earlier releases`(release: BrokerRelease) async throws {
        try await withCluster(release: release) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let (key, isOld) = ("message.downconversion.enable", release < .kafka40)
                try await connection.createTopic("t")

                #expect((try await describe(2, "t", connection)[key] != nil) == isOld)
                #expect((try await describe(4, "1", connection)["log.\(key)"] != nil) == isOld)
                #expect(
                    try await alter(2, "t", [(key, 0, "false")], connection) == (isOld ? .none : .invalidConfig))
                let created = try await connection.createTopic("u", configs: [key: "false"])
                #expect(created.errorCode == (isOld ? .none : .invalidConfig))
            }
        }
    }

    @Test func `a rehearsal changes nothing`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                #expect(try await alter(2, "t", [("retention.ms", 0, "7")], connection, isRehearsal: true) == .none)
                #expect(try await describe(2, "t", connection)["retention.ms"]?.value == "604800000")
            }
        }
    }

    private func describe(
        _ type: Int8, _ name: String, _ connection: RawConnection
    ) async throws -> [String: DescribeConfigsResponse.DescribeConfigsResourceResult] {
        var resource = DescribeConfigsRequest.DescribeConfigsResource()
        resource.resourceType = type
        resource.resourceName = name
        resource.configurationKeys = nil
        var request = DescribeConfigsRequest()
        request.resources = [resource]
        request.includeSynonyms = true
        request.includeDocumentation = true
        let result = try #require(try await connection.send(request).results.first)
        #expect(result.errorCode == .none)
        return Dictionary(uniqueKeysWithValues: result.configs.map { ($0.name, $0) })
    }

    private func alter(
        _ type: Int8, _ name: String, _ changes: [(String, Int8, String?)], _ connection: RawConnection,
        isRehearsal: Bool = false
    ) async throws -> ErrorCode {
        var resource = IncrementalAlterConfigsRequest.AlterConfigsResource()
        resource.resourceType = type
        resource.resourceName = name
        resource.configs = changes.map { key, operation, value in
            var config = IncrementalAlterConfigsRequest.AlterableConfig()
            config.name = key
            config.configOperation = operation
            config.value = value
            return config
        }
        var request = IncrementalAlterConfigsRequest()
        request.resources = [resource]
        request.validateOnly = isRehearsal
        return try #require(try await connection.send(request).responses.first).errorCode
    }
}
