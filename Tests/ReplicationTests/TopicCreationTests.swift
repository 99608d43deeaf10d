import KafkaClient
import KafkaWire
import Replication
import Synchronization
import Testing

@Suite struct TopicCreationTests {
    /// A cluster that takes what `verdict` says, and remembers what was created.
    private final class Managed: Sendable {
        let created = Mutex<[NewTopic]>([])
        let refusesRehearsals = Mutex(false)
        let verdict: @Sendable (NewTopic, Int) -> ErrorCode

        init(_ verdict: @escaping @Sendable (NewTopic, Int) -> ErrorCode) {
            self.verdict = verdict
        }

        func create(_ topics: [NewTopic]) async -> [TopicCreation.Outcome] {
            await TopicCreation { wanted, validateOnly in
                var outcomes: Outcomes<String, Void> = [:]
                for topic in wanted {
                    let isRefused = validateOnly && self.refusesRehearsals.withLock { $0 }
                    let code = isRefused ? .invalidRequest : self.verdict(topic, wanted.count)
                    guard code == .none else {
                        outcomes[topic.name] = .failure(
                            KafkaError(
                                .broker(code, message: nil), during: .request(.createTopics), cluster: "west",
                                topic: topic.name))
                        continue
                    }
                    if !validateOnly { self.created.withLock { $0.append(topic) } }
                    outcomes[topic.name] = .success(())
                }
                return outcomes
            }.outcomes(of: topics)
        }
    }

    private func topic(_ name: String, _ configs: [String: String] = [:]) -> NewTopic {
        NewTopic(name, partitions: 1, replicationFactor: 1, configs: configs)
    }

    @Test func `topics that are refused together are asked for one by one`() async {
        let cluster = Managed { topic, count in
            count > 1 ? .policyViolation : topic.name == "b" ? .policyViolation : .none
        }

        let outcomes = await cluster.create([topic("a"), topic("b"), topic("c")])

        #expect(outcomes.map(\.error?.code) == [nil, .policyViolation, nil])
        #expect(cluster.created.withLock { $0.map(\.name) } == ["a", "c"])
    }

    @Test func `a setting that is refused is left out and named, the others stay`() async throws {
        let cluster = Managed { topic, _ in topic.configs["segment.bytes"] == nil ? .none : .invalidConfig }

        let outcome = try #require(
            await cluster.create([topic("a", ["segment.bytes": "1", "cleanup.policy": "compact"])]).first)

        #expect(outcome.error == nil)
        #expect(outcome.leftOut.keys.sorted() == ["segment.bytes"])
        #expect(outcome.topic.configs == ["cleanup.policy": "compact"])
        #expect(cluster.created.withLock { $0 } == [topic("a", ["cleanup.policy": "compact"])])
    }

    @Test(arguments: [ErrorCode.policyViolation, .invalidTopicException, .topicAuthorizationFailed])
    func `a topic that is refused whatever its settings is not created`(code: ErrorCode) async throws {
        let cluster = Managed { _, _ in code }

        let outcome = try #require(await cluster.create([topic("a", ["segment.bytes": "1"])]).first)

        #expect(outcome.error?.code == code)
        #expect(outcome.leftOut.isEmpty)
        #expect(cluster.created.withLock { $0.isEmpty })
    }

    @Test func `of settings that are refused only together the cluster gets those that it takes`() async throws {
        let cluster = Managed { topic, _ in topic.configs.count > 1 ? .invalidConfig : .none }

        let outcome = try #require(await cluster.create([topic("a", ["x": "1", "y": "2"])]).first)

        #expect(outcome.error == nil)
        #expect(outcome.leftOut.keys.sorted() == ["y"])
        #expect(cluster.created.withLock { $0 } == [topic("a", ["x": "1"])])
    }

    @Test func `a setting that needs a later one is not taken for a refused one`() async throws {
        let cluster = Managed { topic, _ in
            let needs = topic.configs["local.retention.ms"] != nil && topic.configs["retention.ms"] == nil
            return needs || topic.configs["segment.bytes"] != nil ? .invalidConfig : .none
        }

        let outcome = try #require(
            await cluster.create([topic("a", ["local.retention.ms": "9", "retention.ms": "10", "segment.bytes": "1"])])
                .first)

        #expect(outcome.leftOut.keys.sorted() == ["segment.bytes"])
        #expect(cluster.created.withLock { $0 } == [topic("a", ["local.retention.ms": "9", "retention.ms": "10"])])
    }

    @Test func `a cluster that demands a setting gets it without the one that it refuses`() async throws {
        let cluster = Managed { topic, _ in
            topic.configs["min.insync.replicas"] == nil || topic.configs["segment.bytes"] != nil
                ? .policyViolation : .none
        }

        let outcome = try #require(
            await cluster.create([topic("a", ["min.insync.replicas": "2", "segment.bytes": "1"])]).first)

        #expect(outcome.leftOut.keys.sorted() == ["segment.bytes"])
        #expect(cluster.created.withLock { $0 } == [topic("a", ["min.insync.replicas": "2"])])
    }

    @Test func `a cluster that does not say what it would take gets the topic without settings first`() async throws {
        let cluster = Managed { topic, _ in topic.configs.isEmpty ? .none : .invalidRequest }
        cluster.refusesRehearsals.withLock { $0 = true }

        let outcome = try #require(await cluster.create([topic("a", ["x": "1", "y": "2"])]).first)

        #expect(outcome.error == nil)
        #expect(outcome.leftOver == ["x": "1", "y": "2"])
        #expect(cluster.created.withLock { $0 } == [topic("a")])
    }

    @Test func `a cluster that falls silent while it is asked says nothing about settings`() async throws {
        let asked = Mutex(0)
        let cluster = Managed { _, _ in
            asked.withLock { $0 += 1 }
            // The topic, the same without settings, and then the first setting.
            return [1: ErrorCode.invalidConfig, 2: .none][asked.withLock { $0 }] ?? .notController
        }

        let outcome = try #require(await cluster.create([topic("a", ["x": "1"])]).first)

        #expect(outcome.error?.code == .notController)
        #expect(outcome.leftOut.isEmpty)
        #expect(cluster.created.withLock { $0.isEmpty })
    }
}
