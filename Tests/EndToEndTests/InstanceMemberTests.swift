import ClusterTestSupport
import KafkaBroker
import KafkaClient
import KafkaWire
import Logging
import NIOPosix
import Replication
import Synchronization
import Testing

/// Instances that divide parts through the coordinator of an embedded cluster.
@Suite(.timeLimit(.minutes(2))) struct InstanceMemberTests {
    private static let parts = Set(
        FlowTask.allCases.map { FlowPart.task($0) } + (0..<30).map { .partition(TopicPartition("orders", Int32($0))) })

    /// Who has what at the moment. Two at once is a failure.
    private final class Ledger: Sendable {
        private let holders = Mutex<[FlowPart: String]>([:])

        func take(_ parts: Set<FlowPart>, _ instance: String) {
            holders.withLock { holders in
                for part in parts {
                    let other = holders[part]
                    #expect(other == nil || other == instance, "\(part) belongs to \(other ?? "")")
                    holders[part] = instance
                }
            }
        }

        func give(_ parts: Set<FlowPart>) { holders.withLock { holders in for part in parts { holders[part] = nil } } }

        func parts(of instance: String) -> Int { holders.withLock { $0.values.count { $0 == instance } } }
        var count: Int { holders.withLock { $0.count } }
        func bury(_ instance: String) { holders.withLock { $0 = $0.filter { $0.value != instance } } }
    }

    /// An instance that drains in no time.
    private actor Instance {
        let name: String
        let ledger: Ledger
        let client: ClusterClient
        private var ownership = PartOwnership()
        private var member: InstanceMember?
        private var running: Task<Void, Never>?
        private(set) var lost = 0
        private var isLeaving = false

        init(_ name: String, _ ledger: Ledger, _ cluster: EmbeddedCluster) {
            self.name = name
            self.ledger = ledger
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            client = ClusterClient(
                ClusterSettings(
                    name: "west", bootstrapServers: cluster.ports.map { HostAndPort(host: "127.0.0.1", port: $0) }),
                eventLoop: loop, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        func start(sessionTimeout: Duration = .seconds(10)) {
            let member = InstanceMember(
                InstanceMember.settings(flow: "flow", instance: name, sessionTimeout: sessionTimeout), client: client,
                flow: InstanceMember.Callbacks(
                    subscription: { await self.subscription }, parts: { (InstanceMemberTests.parts, [:]) },
                    news: { await self.take($0) }),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            self.member = member
            running = Task { await member.run() }
        }

        private var subscription: InstanceSubscription {
            InstanceSubscription(
                instance: name, generation: ownership.generation,
                owned: Dictionary(uniqueKeysWithValues: ownership.held.map { ($0, 1) }))
        }

        private func take(_ news: InstanceMember.News) async {
            guard !isLeaving else { return }
            switch news {
            case .assigned(let assignment, let generation):
                let change = ownership.assigned(assignment.parts, generation: generation)
                ledger.take(change.taken, name)
                guard !change.releasing.isEmpty else { return }
                ledger.give(change.releasing)
                if ownership.released(change.releasing).isOver { await member?.rejoin() }
            case .lost:
                ledger.give(ownership.lost())
                lost += 1
            case .refused(let refusal): Issue.record("\(refusal)")
            }
        }

        func leave() async {
            isLeaving = true
            ledger.give(ownership.lost())
            await member?.leave()
            await stop()
        }

        /// It is gone without a word.
        func stop() async {
            running?.cancel()
            await running?.value
            await client.close()
        }
    }

    private func eventually(_ what: String, _ isTrue: () -> Bool) async throws {
        while !isTrue() { try await Task.sleep(for: .milliseconds(10)) }
    }

    @Test func `parts are divided among those who come, and pass on when one leaves or is silent`() async throws {
        try await withCluster(properties: ["group.min.session.timeout.ms": "500"]) { cluster in
            let ledger = Ledger()
            let one = Instance("one", ledger, cluster), two = Instance("two", ledger, cluster)
            let three = Instance("three", ledger, cluster)
            await one.start(sessionTimeout: .seconds(2))
            try await eventually("one has everything") { ledger.parts(of: "one") == 33 }
            await two.start(sessionTimeout: .seconds(2))
            await three.start(sessionTimeout: .seconds(2))
            let names = ["one", "two", "three"]
            try await eventually("each has a third") { names.allSatisfy { ledger.parts(of: $0) == 11 } }

            await two.leave()
            try await eventually("the others have its part") { ledger.count == 33 && ledger.parts(of: "two") == 0 }
            await three.stop()
            ledger.bury("three")
            try await eventually("one has everything again") { ledger.parts(of: "one") == 33 }
            await one.leave()
        }
    }

    @Test func `one that cannot reach the coordinator gives everything up, and comes back`() async throws {
        try await withCluster(nodes: 1, properties: ["group.min.session.timeout.ms": "500"]) { cluster in
            let ledger = Ledger()
            let one = Instance("one", ledger, cluster)
            await one.start(sessionTimeout: .seconds(1))
            try await eventually("it has everything") { ledger.parts(of: "one") == 33 }
            try await cluster.stop(node: 1)
            try await eventually("it has nothing") { ledger.count == 0 }
            #expect(await one.lost == 1)
            try await cluster.start(node: 1)
            try await eventually("it has everything again") { ledger.parts(of: "one") == 33 }
            await one.leave()
        }
    }

    @Test func `what the group says next waits until everything has been let go of`() async throws {
        try await withCluster(nodes: 1, properties: ["group.min.session.timeout.ms": "500"]) { cluster in
            let told = Mutex<[String]>([])
            let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let client = ClusterClient(
                ClusterSettings(
                    name: "west", bootstrapServers: cluster.ports.map { HostAndPort(host: "127.0.0.1", port: $0) }),
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: quiet)
            let member = InstanceMember(
                InstanceMember.settings(flow: "flow", instance: "one", sessionTimeout: .seconds(1)), client: client,
                flow: InstanceMember.Callbacks(
                    subscription: { InstanceSubscription(instance: "one") }, parts: { (Self.parts, [:]) },
                    news: { news in
                        guard case .lost = news else { return told.withLock { $0.append("assigned") } }
                        told.withLock { $0.append("lost") }
                        // It can join again from now on, while this takes its time.
                        cluster.removeInterceptions()
                        for _ in 0..<300 where told.withLock({ $0.last == "lost" }) {
                            try? await Task.sleep(for: .milliseconds(10))
                        }
                        told.withLock { $0.append("let go") }
                    }),
                logger: quiet)
            let running = Task { await member.run() }
            try await eventually("it is assigned its parts") { told.withLock { $0 == ["assigned"] } }
            for key in [ApiKey.heartbeat, .joinGroup, .syncGroup] {
                cluster.intercept(key, times: .max, .error(.coordinatorNotAvailable))
            }
            // The join that is under way when the session ends must not overtake the news of that.
            await member.rejoin()
            try await eventually("it is assigned its parts again") {
                told.withLock { $0.dropFirst().contains("assigned") && $0.contains("let go") }
            }
            let order = told.withLock { $0 }
            let next = zip(order, order.dropFirst()).filter { $0.0 == "lost" }.map(\.1)
            #expect(!next.isEmpty && next.allSatisfy { $0 == "let go" }, "\(order)")
            running.cancel()
            await running.value
            await client.close()
        }
    }
}
