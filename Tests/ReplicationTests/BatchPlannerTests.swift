import KafkaWire
import Replication
import Testing

@Suite struct BatchPlannerTests {
    private func header(_ edit: (inout RecordBatchHeader) -> Void = { _ in }) -> RecordBatchHeader {
        var header = RecordBatchHeader()
        header.baseOffset = 100
        header.lastOffsetDelta = 9
        header.recordCount = 10
        edit(&header)
        return header
    }

    private func plan(
        _ header: RecordBatchHeader, position: Int64 = 100, isAborted: Bool = false,
        compression: CompressionChoice = .keep, addsLoopHeader: Bool = false
    ) -> BatchPlan {
        BatchPlanner(compression: compression, addsLoopHeader: addsLoopHeader)
            .plan(header, position: position, isAborted: isAborted)
    }

    @Test func `a dense batch goes on as it is`() {
        #expect(plan(header()) == .forward)
        #expect(plan(header { $0.isTransactional = true }) == .forward)
        #expect(plan(header { $0.attributes = 4 }) == .forward)
    }

    @Test func `what must stay behind stays behind, each with its reason`() {
        #expect(plan(header { $0.isControl = true }) == .skip(.control))
        #expect(plan(header { $0.isTransactional = true }, isAborted: true) == .skip(.aborted))
        #expect(plan(header { $0.recordCount = 0 }) == .skip(.compacted))
    }

    @Test func `what brokers would not take, or would take wrongly, is rewritten`() {
        #expect(plan(header { $0.recordCount = 8 }) == .rewrite(.holes))
        #expect(plan(header { $0.timestampType = .logAppendTime }) == .rewrite(.logAppendTime))
        #expect(plan(header(), position: 103) == .rewrite(.startsBeforePosition))
        #expect(plan(header(), addsLoopHeader: true) == .rewrite(.loopHeader))
    }

    @Test func `only another codec than the configured one is recompressed`() {
        #expect(plan(header(), compression: .codec(.none)) == .forward)
        #expect(plan(header(), compression: .codec(.zstd)) == .rewrite(.codec))
        #expect(plan(header { $0.attributes = 4 }, compression: .codec(.zstd)) == .forward)
    }
}

@Suite struct AbortedTransactionsTests {
    private func batch(_ baseOffset: Int64, producer: Int64, isTransactional: Bool = true) -> RecordBatchHeader {
        var header = RecordBatchHeader()
        header.baseOffset = baseOffset
        header.recordCount = 1
        header.producerID = producer
        header.isTransactional = isTransactional
        return header
    }

    private func aborted(_ producer: Int64, from offset: Int64) -> FetchResponse.AbortedTransaction {
        var transaction = FetchResponse.AbortedTransaction()
        transaction.producerID = producer
        transaction.firstOffset = offset
        return transaction
    }

    @Test func `a producer is aborted from its transaction's first offset to its marker`() {
        var transactions = AbortedTransactions([aborted(1, from: 20), aborted(2, from: 5)])

        func isAborted(_ batch: RecordBatchHeader) -> Bool { transactions.contains(batch) }

        let before = [batch(4, producer: 1), batch(6, producer: 2), batch(7, producer: 1)].map(isAborted)
        let plain = isAborted(batch(8, producer: 2, isTransactional: false))
        transactions.ended(producerID: 2)
        let after = [batch(21, producer: 2), batch(22, producer: 1)].map(isAborted)

        #expect(before == [false, true, false])
        #expect(!plain)
        #expect(after == [false, true])
    }
}
