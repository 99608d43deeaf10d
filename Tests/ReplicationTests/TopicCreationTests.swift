import KafkaClient
import KafkaWire
import Replication
import Synchronization
import Testing

@Suite struct TopicCreationTests {
    /// A cluster that takes what `verdict` says, and remembers what was created.
    private final class Managed: Sendable {
        let created = Mutex<[NewTopic]>([])
        let verdict: @Sendable (NewTopic, Int) -> ErrorCode

        init(_ verdict: @escaping @Sendable (NewTopic, Int) -> ErrorCode) {
            self.verdict = verdict
        }

        func create(_ topics: [NewTopic]) async -> [TopicCreation.Outcome] {
            await TopicCreation { wanted, validateOnly in
                var outcomes: Outcomes<String, Void> = [:]
                for topic in wanted {
                    let code = self.verdict(topic, wanted.count)
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

    @Test func `settings that are refused only together are not guessed at`() async throws {
        let cluster = Managed { topic, _ in topic.configs.count > 1 ? .invalidConfig : .none }

        let outcome = try #require(await cluster.create([topic("a", ["x": "1", "y": "2"])]).first)

        #expect(outcome.error?.code == .invalidConfig)
        #expect(cluster.created.withLock { $0.isEmpty })
    }
}
