import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// Transactions as a client meets them, over a socket.
@Suite(.timeLimit(.minutes(2))) struct TransactionTests {
    private static let small = [
        "transaction.state.log.num.partitions": "2", "offsets.topic.num.partitions": "2",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "20",
    ]

    private func withBroker(
        directory: String? = nil, _ settings: [String: String] = [:],
        _ body: (RawConnection) async throws -> Void
    ) async throws {
        let properties = Self.small.merging(settings) { _, given in given }
        try await withCluster(properties: properties, dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0], body)
        }
    }

    @Test func `committed records become visible together, aborted ones never`() async throws {
        try await withBroker { connection async throws in
            try await connection.createTopic("t", partitions: 2)
            var producer = TestProducer("x", connection)
            try await producer.start()

            try await producer.begin(["a", "b"], in: "t", 0)
            try await producer.begin(["c"], in: "t", 1)
            #expect(try await connection.committed("t", 0).values == [])
            #expect(try await connection.committed("t", 0).stable == 0)
            #expect(try await producer.end(commit: true) == .none)
            #expect(try await connection.committed("t", 0).values == ["a", "b"])
            #expect(try await connection.committed("t", 1).values == ["c"])

            try await producer.begin(["lost"], in: "t", 0)
            #expect(try await producer.end(commit: false) == .none)
            try await producer.begin(["d"], in: "t", 0)
            #expect(try await producer.end(commit: true) == .none)

            let seen = try await connection.committed("t", 0)
            #expect(seen.values == ["a", "b", "d"])
            // a b C lost A d C: markers take an offset each.
            #expect(seen.stable == 7)
            #expect(try await producer.end(commit: true) == .none, "a retry finds the same decision carried out")
            #expect(try await producer.end(commit: false) == .invalidTxnState)
        }
    }

    @Test func `a batch on a partition that was not added is refused, by what its version knows`() async throws {
        try await withBroker { connection async throws in
            try await connection.createTopic("t", partitions: 2)
            var producer = TestProducer("x", connection)
            try await producer.start()
            try await producer.begin(["a"], in: "t", 0)

            #expect(try await producer.produce(["b"], to: "t", 1, version: 9) == .invalidTxnState)
            #expect(try await producer.produce(["b"], to: "t", 1, version: 11) == .transactionAbortable)
            #expect(try await producer.end(commit: true) == .none)
            #expect(try await producer.produce(["c"], to: "t", 0) == .invalidTxnState, "after its end")
            producer.producerID += 1
            #expect(try await producer.produce(["c"], to: "t", 0) == .invalidProducerIDMapping)
            let values = try await connection.fetch("t").values()
            #expect(values.first == "a" && values.count == 2)
        }
    }

    @Test func `in transactions of version 2 records and offsets add their partitions, and each end raises the epoch`()
        async throws
    {
        try await withBroker { connection async throws in
            try await connection.createTopic("t", partitions: 2)
            try await connection.findGroup("g")
            var producer = TestProducer("x", connection)
            try await producer.start()
            let first = producer.epoch

            #expect(try await producer.produce(["a"], to: "t", 0, version: 12) == .none)
            #expect(try await producer.produce(["b"], to: "t", 1, version: 12) == .none)
            #expect(try await producer.commitOffset(5, of: "g", topic: "t", version: 5) == .none)
            #expect(
                try await connection.transaction("x").topics.map(\.topic) == ["__consumer_offsets", "t"],
                "the coordinator knows of all of it")
            #expect(try await connection.committed("t", 0).values == [])
            let zombie = producer
            let ended = try await producer.raise(commit: true)
            #expect((ended.errorCode, ended.producerEpoch) == (.none, first + 1))
            #expect(try await connection.committed("t", 0).values == ["a"])
            #expect(try await connection.committed("t", 1).values == ["b"])
            #expect(try await connection.committedOffset(of: "g", topic: "t", isStable: true) == (5, .none))

            // What was under way when the transaction ended can not get into the next one.
            var late = zombie
            #expect(try await late.produce(["late"], to: "t", 0, version: 12) == .invalidProducerEpoch)
            let again = try await late.raise(commit: true, isRetry: true)
            #expect((again.errorCode, again.producerEpoch) == (.none, first + 1), "a retry gets the same answer")
            #expect(try await late.raise(commit: false, isRetry: true).errorCode == .invalidTxnState)

            #expect(try await producer.produce(["lost"], to: "t", 0, version: 12) == .none)
            #expect(try await late.raise(commit: true, isRetry: true).errorCode == .producerFenced)
            #expect(try await producer.commitOffset(9, of: "g", topic: "t", version: 5) == .none)
            #expect(try await producer.raise(commit: false).producerEpoch == first + 2)
            #expect(try await connection.committed("t", 0).values == ["a"])
            #expect(try await connection.committedOffset(of: "g", topic: "t", isStable: true) == (5, .none))

            // An abort of what was never begun raises the epoch, too: the producer can not know what arrived.
            #expect(try await producer.raise(commit: false).producerEpoch == first + 3)
            #expect(try await producer.raise(commit: true, isRetry: true).errorCode == .invalidTxnState)
            #expect(try await connection.transaction("x").transactionState == "CompleteAbort")
        }
    }

    @Test func `a producer of an earlier version keeps its epoch at a broker that can raise it`() async throws {
        try await withBroker { connection async throws in
            try await connection.createTopic("t")
            var producer = TestProducer("x", connection)
            try await producer.start()
            for value in ["a", "b"] {
                #expect(try await producer.produce([value], to: "t", version: 11) == .transactionAbortable)
                try await producer.begin([value], in: "t")
                #expect(try await producer.end(commit: true, version: 4) == .none)
            }

            #expect(try await connection.transaction("x").producerEpoch == producer.epoch)
            #expect(try await connection.committed("t").values == ["a", "b"])
        }
    }

    @Test func `a transaction of version 2 outlives a restart, and so does its retried end`() async throws {
        let directory = try TemporaryDirectory().path
        var open: TestProducer?
        var ended: TestProducer?
        try await withBroker(directory: directory) { connection async throws in
            try await connection.createTopic("t")
            var first = TestProducer("x", connection)
            try await first.start()
            #expect(try await first.produce(["a"], to: "t", version: 12) == .none)
            ended = first
            #expect(try await first.raise(commit: true).errorCode == .none)
            var second = TestProducer("y", connection)
            try await second.start()
            #expect(try await second.produce(["b"], to: "t", version: 12) == .none)
            open = second
        }
        let (before, during) = (try #require(ended), try #require(open))
        try await withBroker(directory: directory) { connection async throws in
            func resumed(_ producer: TestProducer) -> TestProducer {
                var next = TestProducer(producer.id, connection)
                (next.producerID, next.epoch) = (producer.producerID, producer.epoch)
                return next
            }
            var retrying = resumed(before)
            let again = try await retrying.raise(commit: true)
            #expect((again.errorCode, again.producerEpoch) == (.none, before.epoch + 1))
            var committing = resumed(during)
            #expect(try await committing.raise(commit: true).producerEpoch == during.epoch + 1)
            #expect(try await connection.committed("t").values == ["a", "b"])
        }
    }

    @Test func `a marker of version 2 does not end a transaction of its own epoch`() async throws {
        try await withBroker { connection async throws in
            try await connection.createTopic("t")
            var producer = TestProducer("x", connection)
            try await producer.start()
            #expect(try await producer.produce(["a"], to: "t", version: 12) == .none)

            func mark(epoch: Int16, version: Int8) async throws -> ErrorCode {
                var topic = WriteTxnMarkersRequest.WritableTxnMarkerTopic()
                topic.name = "t"
                topic.partitionIndexes = [0]
                var marker = WriteTxnMarkersRequest.WritableTxnMarker()
                marker.producerID = producer.producerID
                marker.producerEpoch = epoch
                marker.transactionVersion = version
                marker.topics = [topic]
                var request = WriteTxnMarkersRequest()
                request.markers = [marker]
                let response = try await connection.send(request, version: 2)
                return try #require(response.markers.first?.topics.first?.partitions.first).errorCode
            }

            #expect(try await mark(epoch: producer.epoch, version: 2) == .invalidProducerEpoch)
            #expect(try await mark(epoch: producer.epoch + 1, version: 2) == .none)
            #expect(try await mark(epoch: producer.epoch + 1, version: 2) == .none, "a retry")
            #expect(try await connection.committed("t").values == [])
        }
    }

    @Test func `transactional records without a transactional id are not authorised`() async throws {
        try await withBroker { connection async throws in
            try await connection.createTopic("t")
            var builder = RecordBatchBuilder(producerID: 1, producerEpoch: 0, baseSequence: 0, isTransactional: true)
            builder.append(timestamp: 0, key: nil, value: nil)
            let request = ProduceRequest(RecordBytes(try builder.finish().bytes), to: "t")

            let response = try await connection.send(request, version: 9)

            #expect(
                response.responses[0].partitionResponses[0].errorCode == .transactionalIDAuthorizationFailed)
        }
    }

    @Test func `a second producer with the same id fences the first and aborts its transaction`() async throws {
        try await withBroker { connection async throws in
            try await connection.createTopic("t")
            var first = TestProducer("x", connection)
            try await first.start()
            try await first.begin(["zombie"], in: "t")

            #expect(try await first.initialise().errorCode == .concurrentTransactions, "it is aborted first")
            var second = TestProducer("x", connection)
            try await second.start()

            #expect(second.producerID == first.producerID)
            #expect(second.epoch == first.epoch + 2)
            #expect(try await first.add("t", version: 3) == [.producerFenced])
            #expect(try await first.add("t", version: 1) == [.invalidProducerEpoch])
            #expect(try await first.produce(["late"], to: "t") == .invalidProducerEpoch)
            #expect(try await first.end(commit: true, version: 2) == .producerFenced)
            #expect(try await first.end(commit: true, version: 1) == .invalidProducerEpoch)
            let mine = (first.producerID, first.epoch)
            #expect(try await first.initialise(expected: mine, version: 4).errorCode == .producerFenced)
            #expect(try await first.initialise(expected: mine, version: 3).errorCode == .invalidProducerEpoch)
            try await second.begin(["b"], in: "t")
            #expect(try await second.end(commit: true) == .none)
            #expect(try await connection.committed("t").values == ["b"])
        }
    }

    @Test func `time-outs are bounded, and an overdue transaction is aborted and its producer fenced`() async throws {
        try await withBroker(["transaction.max.timeout.ms": "1000"]) { connection async throws in
            try await connection.createTopic("t")
            var producer = TestProducer("x", connection)
            try await producer.start(timeoutMs: 1)
            #expect(try await producer.initialise(timeoutMs: 1001).errorCode == .invalidTransactionTimeout)
            #expect(try await producer.initialise(timeoutMs: 0).errorCode == .invalidTransactionTimeout)
            #expect(try await producer.add("t") == [.none])
            // Either before or after its end: a fenced producer's batch is refused.
            _ = try await producer.produce(["a"], to: "t")

            // A reader of committed records is woken by the abort.
            while try await connection.transaction("x").transactionState != "CompleteAbort" {}

            #expect(try await connection.transaction("x").producerEpoch == producer.epoch + 1)
            #expect(try await connection.committed("t").values == [])
            #expect(try await producer.add("t") == [.producerFenced])
        }
    }

    @Test func `a reader that waits for committed records is woken by the marker`() async throws {
        try await withBroker { connection async throws in
            try await connection.createTopic("t")
            var producer = TestProducer("x", connection)
            try await producer.start()
            try await producer.begin([String(repeating: "a", count: 500)], in: "t")

            let port = try #require(try await connection.metadata().brokers.first?.port)
            try await RawConnection.open(port: Int(port)) { reader async throws in
                let answer = try await reader.begin(
                    FetchRequest.plain("t") { request in
                        request.isolationLevel = 1
                        request.minBytes = 400
                        request.maxWaitMs = 60_000
                    }, version: 12)
                #expect(try await producer.end(commit: true) == .none)
                let data = try #require(try await answer.get().responses.first?.partitions.first)
                #expect(try data.values().count == 2, "the record and the marker")
            }
        }
    }

    @Test func `partitions join all or not at all`() async throws {
        try await withBroker { connection async throws in
            try await connection.createTopic("t")
            var producer = TestProducer("x", connection)
            try await producer.start()

            #expect(try await producer.add("t", [0, 5]) == [.operationNotAttempted, .unknownTopicOrPartition])
            #expect(try await connection.transaction("x").transactionState == "Empty")
            #expect(try await producer.end(commit: true) == .invalidTxnState)
            producer.producerID += 1
            #expect(try await producer.add("t") == [.invalidProducerIDMapping])
            let stranger = TestProducer("y", connection)
            #expect(try await stranger.add("t") == [.invalidProducerIDMapping])
            #expect(try await TestProducer("", connection).add("t") == [.invalidRequest])
        }
    }

    @Test func `brokers verify and add several transactions at once`() async throws {
        try await withBroker { connection async throws in
            try await connection.createTopic("t", partitions: 2)
            var producer = TestProducer("x", connection)
            try await producer.start()
            try await producer.begin(["a"], in: "t", 0)

            func send(verify: Bool, version: Int16) async throws -> [ErrorCode] {
                var topic = AddPartitionsToTxnRequest.AddPartitionsToTxnTopic()
                topic.name = "t"
                topic.partitions = [0, 1]
                var transaction = AddPartitionsToTxnRequest.AddPartitionsToTxnTransaction()
                transaction.transactionalID = "x"
                transaction.producerID = producer.producerID
                transaction.producerEpoch = producer.epoch
                transaction.verifyOnly = verify
                transaction.topics = [topic]
                var request = AddPartitionsToTxnRequest()
                request.transactions = [transaction]
                let results = try await connection.send(request, version: version).resultsByTransaction
                return results.flatMap { $0.topicResults.flatMap { $0.resultsByPartition.map(\.partitionErrorCode) } }
            }

            #expect(try await send(verify: true, version: 4) == [.none, .invalidTxnState])
            #expect(try await send(verify: true, version: 5) == [.none, .transactionAbortable])
            #expect(try await send(verify: false, version: 4) == [.none, .none])
            #expect(try await connection.transaction("x").topics.first?.partitions == [0, 1])
        }
    }

    @Test func `offsets hold once their transaction commits`() async throws {
        try await withBroker { connection async throws in
            try await connection.createTopic("t")
            try await connection.findGroup("g")
            var producer = TestProducer("x", connection)
            try await producer.start()

            #expect(
                try await producer.commitOffset(5, of: "g", topic: "t") == .invalidTxnState, "the group is not in it")
            #expect(try await producer.addOffsets(of: "g") == .none)
            #expect(try await producer.commitOffset(5, of: "g", topic: "t") == .none)
            #expect(try await producer.commitOffset(5, of: "g", topic: "no") == .unknownTopicOrPartition)
            #expect(try await connection.committedOffset(of: "g", topic: "t") == (-1, .none))
            #expect(
                try await connection.committedOffset(of: "g", topic: "t", isStable: true) == (-1, .unstableOffsetCommit)
            )
            #expect(try await producer.end(commit: true) == .none)
            #expect(try await connection.committedOffset(of: "g", topic: "t", isStable: true) == (5, .none))

            #expect(try await producer.addOffsets(of: "g") == .none)
            #expect(try await producer.commitOffset(9, of: "g", topic: "t") == .none)
            #expect(try await producer.end(commit: false) == .none)
            #expect(try await connection.committedOffset(of: "g", topic: "t", isStable: true) == (5, .none))

            #expect(
                try await producer.commitOffset(9, of: "g", topic: "t", memberID: "stranger", generation: 1)
                    == .unknownMemberID)
        }
    }

    @Test func `a restart brings back open transactions, pending offsets and what was decided`() async throws {
        let directory = try TemporaryDirectory().path
        var producer: TestProducer?
        try await withBroker(directory: directory) { connection async throws in
            try await connection.createTopic("t")
            try await connection.findGroup("g")
            var other = TestProducer("y", connection)
            try await other.start()
            try await other.begin(["aborted"], in: "t")
            #expect(try await other.end(commit: false) == .none)
            var open = TestProducer("x", connection)
            try await open.start()
            try await open.begin(["a"], in: "t")
            #expect(try await open.addOffsets(of: "g") == .none)
            #expect(try await open.commitOffset(3, of: "g", topic: "t") == .none)
            producer = open
        }

        let (producerID, epoch) = try #require(producer.map { ($0.producerID, $0.epoch) })
        try await withBroker(directory: directory) { connection async throws in
            #expect(try await connection.committed("t").stable == 2)
            #expect(
                try await connection.committedOffset(of: "g", topic: "t", isStable: true) == (-1, .unstableOffsetCommit)
            )
            #expect(try await connection.transaction("x").transactionState == "Ongoing")
            #expect(try await connection.transaction("y").transactionState == "CompleteAbort")
            var resumed = TestProducer("x", connection)
            resumed.producerID = producerID
            resumed.epoch = epoch

            #expect(try await resumed.end(commit: true) == .none)

            #expect(try await connection.committed("t").values == ["a"])
            #expect(try await connection.committedOffset(of: "g", topic: "t", isStable: true) == (3, .none))
        }
        try await withBroker(directory: directory) { connection async throws in
            #expect(try await connection.committed("t").values == ["a"])
            #expect(try await connection.committedOffset(of: "g", topic: "t") == (3, .none))
        }
    }

    /// The commit is decided while a partition has no leader; what a crash leaves then is carried out at the next start.
    @Test func `a decision that a crash interrupted is carried out at the next start`() async throws {
        let directory = try TemporaryDirectory().path
        let settings = Self.small.merging([
            "transaction.state.log.replication.factor": "2", "transaction.state.log.min.isr": "1",
        ]) { _, given in given }
        try await withCluster(nodes: 2, properties: settings, dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws in
                // Two partitions with one replica each, on different nodes.
                try await connection.createTopic("t", partitions: 2)
                let away: Int32 = await cluster.leader(topic: "t", partition: 0) == 2 ? 0 : 1
                var find = FindCoordinatorRequest()
                find.keyType = 1
                find.coordinatorKeys = ["x"]
                _ = try await connection.send(find, version: 4)
                for index in Int32(0)..<2 {
                    try await cluster.moveLeader(topic: "__transaction_state", partition: index, to: 1)
                }
                var producer = TestProducer("x", connection)
                try await producer.start()
                #expect(try await producer.add("t", [0, 1]) == [.none, .none])
                #expect(try await producer.produce(["here"], to: "t", 1 - away) == .none)
                try await cluster.stop(node: 2)

                #expect(try await producer.end(commit: true) == .none)

                #expect(try await producer.end(commit: true) == .concurrentTransactions)
                #expect(try await producer.add("t") == [.concurrentTransactions])
                #expect(try await producer.initialise().errorCode == .concurrentTransactions)
                #expect(try await connection.transaction("x").transactionState == "PrepareCommit")
                #expect(try await connection.committed("t", 1 - away).values == ["here"])
            }
        }

        try await withCluster(nodes: 2, properties: settings, dataDirectory: directory) { cluster in
            for port in cluster.ports {
                try await RawConnection.open(port: port) { connection async throws in
                    let state = try await connection.transaction("x")
                    if state.errorCode == .none { #expect(state.transactionState == "CompleteCommit") }
                    for partition in Int32(0)..<2 {
                        let data = try await connection.fetch("t", partition: partition)
                        guard data.errorCode == .none else { continue }
                        #expect(data.lastStableOffset == data.highWatermark && data.highWatermark > 0)
                    }
                }
            }
        }
    }

    @Test func `a partition without a leader gets its marker when it has one again`() async throws {
        try await withCluster(nodes: 2, properties: Self.small) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws in
                try await connection.createTopic("t", partitions: 2)
                let away: Int32 = await cluster.leader(topic: "t", partition: 0) == 2 ? 0 : 1
                var find = FindCoordinatorRequest()
                find.keyType = 1
                find.coordinatorKeys = ["x"]
                _ = try await connection.send(find, version: 4)
                for index in Int32(0)..<2 {
                    try await cluster.moveLeader(topic: "__transaction_state", partition: index, to: 1)
                }
                var producer = TestProducer("x", connection)
                try await producer.start()
                #expect(try await producer.add("t", [away]) == [.none])
                try await cluster.stop(node: 2)
                // Two live replicas are wanted by default, and there are two nodes.
                #expect(try await producer.end(commit: true) == .coordinatorNotAvailable)

                try await cluster.start(node: 2)
                #expect(try await producer.end(commit: true) == .none)
                #expect(try await connection.transaction("x").transactionState == "CompleteCommit")
            }
        }
    }

    @Test func `transactions are listed by state, producer and duration, and described`() async throws {
        try await withBroker { connection async throws in
            try await connection.createTopic("t", partitions: 2)
            var open = TestProducer("open", connection)
            try await open.start(timeoutMs: 5000)
            try await open.begin(["a"], in: "t", 1)
            var idle = TestProducer("idle", connection)
            try await idle.start()

            func list(_ adjust: (inout ListTransactionsRequest) -> Void) async throws -> ListTransactionsResponse {
                var request = ListTransactionsRequest()
                adjust(&request)
                return try await connection.send(request, version: 2)
            }
            let all = try await list { _ in }
            #expect(all.transactionStates.map(\.transactionalID) == ["idle", "open"])
            #expect(all.transactionStates.map(\.transactionState) == ["Empty", "Ongoing"])
            let ongoing = try await list { $0.stateFilters = ["Ongoing", "Dead", "nonsense"] }
            #expect(ongoing.transactionStates.map(\.transactionalID) == ["open"])
            #expect(ongoing.unknownStateFilters == ["nonsense"])
            #expect(try await list { $0.producerIDFilters = [idle.producerID] }.transactionStates.count == 1)
            #expect(try await list { $0.durationFilter = 3_600_000 }.transactionStates.isEmpty)

            #expect(try await list { $0.transactionalIDPattern = "o.*" }.transactionStates.count == 1)
            #expect(try await list { $0.transactionalIDPattern = "pen" }.transactionStates.isEmpty, "of all of it")
            #expect(try await list { $0.transactionalIDPattern = "" }.transactionStates.count == 2)
            #expect(try await list { $0.transactionalIDPattern = "(" }.errorCode == .invalidRegularExpression)

            let described = try await connection.transaction("open")
            #expect(described.transactionTimeoutMs == 5000 && described.transactionStartTimeMs > 0)
            #expect(described.topics.map(\.topic) == ["t"] && described.topics.first?.partitions == [1])
            #expect(try await connection.transaction("none").errorCode == .transactionalIDNotFound)
        }
    }

    @Test func `a hanging transaction is ended through WriteTxnMarkers`() async throws {
        try await withBroker(["transaction.partition.verification.enable": "false"]) { connection async throws in
            try await connection.createTopic("t")
            var producer = TestProducer("x", connection)
            try await producer.start()
            // Without verification a batch after the end opens a transaction that no coordinator knows of.
            #expect(try await producer.produce(["hangs"], to: "t") == .none)
            #expect(try await connection.committed("t").stable == 0)

            var describe = DescribeProducersRequest.TopicRequest()
            describe.name = "t"
            describe.partitionIndexes = [0]
            var request = DescribeProducersRequest()
            request.topics = [describe]
            let state = try #require(
                try await connection.send(request).topics.first?.partitions.first?.activeProducers.first)
            #expect(state.currentTxnStartOffset == 0)
            var topic = WriteTxnMarkersRequest.WritableTxnMarkerTopic()
            topic.name = "t"
            topic.partitionIndexes = [0]
            var marker = WriteTxnMarkersRequest.WritableTxnMarker()
            marker.producerID = state.producerID
            marker.producerEpoch = Int16(state.producerEpoch)
            marker.coordinatorEpoch = max(state.coordinatorEpoch, 0)
            marker.topics = [topic]
            var abort = WriteTxnMarkersRequest()
            abort.markers = [marker]
            let answer = try await connection.send(abort, version: 1)

            #expect(answer.markers.first?.topics.first?.partitions.first?.errorCode == ErrorCode.none)
            let seen = try await connection.committed("t")
            #expect(seen.values == [] && seen.stable == 2)
        }
    }

    @Test func `an unused transactional id is forgotten`() async throws {
        let settings = [
            "transactional.id.expiration.ms": "1",
            "transaction.remove.expired.transaction.cleanup.interval.ms": "20",
        ]
        try await withBroker(settings) { connection async throws in
            var producer = TestProducer("x", connection)
            try await producer.start()

            while try await connection.transaction("x").errorCode == .none {}

            #expect(try await connection.transaction("x").errorCode == .transactionalIDNotFound)
            #expect(try await producer.end(commit: true) == .invalidProducerIDMapping)
        }
    }

    @Test func `only the coordinator answers`() async throws {
        try await withCluster(nodes: 2, properties: Self.small) { cluster in
            var producer: TestProducer?
            for port in cluster.ports {
                try await RawConnection.open(port: port) { connection async throws in
                    var find = FindCoordinatorRequest()
                    find.keyType = 1
                    find.coordinatorKeys = ["x"]
                    let found = try #require(try await connection.send(find, version: 4).coordinators.first)
                    let answer = try await TestProducer("x", connection).initialise()
                    #expect(answer.errorCode == (Int(found.port) == port ? .none : .notCoordinator))
                    producer = TestProducer("x", connection)
                }
            }
            #expect(producer != nil)
        }
    }
}
