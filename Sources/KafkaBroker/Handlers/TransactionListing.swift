import BoundedExpressions
import KafkaWire

// DescribeTransactions: 0. ListTransactions: 0-2.
//
// - Both answer for the transactional ids that the node coordinates.
// - ListTransactions filters by state, producer id and, from version 1, by how long the transaction is open (KIP-994), from
//   version 2 by a regular expression for the whole transactional id (KIP-1152): INVALID_REGULAR_EXPRESSION.

extension DescribeTransactionsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeTransactionsResponse {
        var response = DescribeTransactionsResponse()
        response.transactionStates = transactionalIDs.map { id in
            var state = DescribeTransactionsResponse.TransactionState()
            state.transactionalID = id
            state.errorCode = error
            return state
        }
        return response
    }
}

extension ListTransactionsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> ListTransactionsResponse {
        var response = ListTransactionsResponse()
        response.errorCode = error
        return response
    }
}

extension Cluster {
    func describeTransactions(
        _ request: DescribeTransactionsRequest, _ context: RequestContext
    ) -> DescribeTransactionsResponse {
        var response = DescribeTransactionsResponse()
        response.transactionStates = request.transactionalIDs.map { id in
            var state = DescribeTransactionsResponse.TransactionState()
            state.transactionalID = id
            if let fault = transactionFault(id, at: context.node) {
                state.errorCode = fault
                return state
            }
            guard let transaction = transactions.transactions[id] else {
                state.errorCode = .transactionalIDNotFound
                return state
            }
            state.transactionState = transaction.state.name
            state.transactionTimeoutMs = transaction.timeoutMs
            state.transactionStartTimeMs = transaction.startTime
            state.producerID = transaction.producerID
            state.producerEpoch = transaction.epoch
            state.topics = transaction.partitions.grouped.map { topic, partitions in
                var entry = DescribeTransactionsResponse.TopicData()
                entry.topic = topic
                entry.partitions = partitions
                return entry
            }
            return state
        }
        return response
    }

    func listTransactions(_ request: ListTransactionsRequest, _ context: RequestContext) -> ListTransactionsResponse {
        let pattern: BoundedExpression?
        do throws(InvalidExpression) {
            pattern = try request.pattern
        } catch {
            return request.refused(.invalidRegularExpression)
        }
        var response = ListTransactionsResponse()
        let names = Set(Transaction.State.allCases.map(\.name)).union(Transaction.State.passingNames)
        response.unknownStateFilters = request.stateFilters.filter { !names.contains($0) }
        let now = clock.wallTime()
        response.transactionStates = transactions.transactions.values
            .filter { transactionFault($0.id, at: context.node) == nil && request.matches($0, pattern, now: now) }
            .sorted { $0.id < $1.id }
            .map { transaction in
                var state = ListTransactionsResponse.TransactionState()
                state.transactionalID = transaction.id
                state.producerID = transaction.producerID
                state.transactionState = transaction.state.name
                return state
            }
        return response
    }
}

extension ListTransactionsRequest {
    /// Nil for every transactional id.
    fileprivate var pattern: BoundedExpression? {
        get throws(InvalidExpression) {
            guard let text = transactionalIDPattern, !text.isEmpty else { return nil }
            return try BoundedExpression(text)
        }
    }

    fileprivate func matches(_ transaction: Transaction, _ pattern: BoundedExpression?, now: Int64) -> Bool {
        guard producerIDFilters.isEmpty || producerIDFilters.contains(transaction.producerID),
            stateFilters.isEmpty || stateFilters.contains(transaction.state.name)
        else { return false }
        // An expression without an answer in time matches nothing.
        if let pattern, (try? pattern.matches(transaction.id)) != true { return false }
        return durationFilter < 0 || (transaction.startTime >= 0 && now - transaction.startTime > durationFilter)
    }
}
