import KafkaClient
import KafkaWire
import NIOCore
import Synchronization
import Testing

/// What one connection does, seen from both of its ends.
@Suite struct ConnectionTests {
    @Test func `answers reach their requests in the order of the calls`() async throws {
        let broker = try await FakeBroker.ordinary { request in
            guard request.header.apiKey == .listGroups else { return nil }
            var response = ListGroupsResponse()
            response.throttleTimeMs = request.header.correlationID
            return [try request.reply(response)]
        }

        let answers = try await withClient(of: [broker.address]) { client in
            let connection = try await client.connection(to: 1, purpose: .admin)
            let first = try await connection.submit(ListGroupsRequest())
            let second = try await connection.submit(ListGroupsRequest())
            let third = try await connection.submit(ListGroupsRequest())
            // Awaited in another order than they were sent.
            let answers = (
                third: try await third.value(), first: try await first.value(), second: try await second.value()
            )
            return [answers.first, answers.second, answers.third].map(\.throttleTimeMs)
        }

        #expect(answers == [answers[0], answers[0] + 1, answers[0] + 2])
        try await broker.stop()
    }

    @Test func `a request that is not answered in time fails, and so does the connection`() async throws {
        let broker = try await FakeBroker.ordinary { $0.header.apiKey == .listGroups ? [] : nil }
        try await withClient(of: [broker.address]) { client in
            let connection = try await client.connection(to: 1, purpose: .admin)
            let patient = try await connection.submit(ListGroupsRequest(), timeout: .seconds(60))
            let late = try await connection.submit(ListGroupsRequest(), timeout: .milliseconds(20))

            let lateError = try await kafkaError { _ = try await late.value() }
            let patientError = try await kafkaError { _ = try await patient.value() }

            #expect(lateError.reason == .timedOut(after: .milliseconds(20)))
            #expect(lateError.broker == BrokerName(id: 1, address: broker.address))
            #expect(
                patientError.reason
                    == .connection(.abandoned(because: "ListGroups was not answered within 0.02 seconds")))
            #expect(await connection.isOpen == false)
        }
        try await broker.stop()
    }

    @Test func `an answer in the wrong place poisons the connection for everybody`() async throws {
        let broker = try await Self.brokerAnsweringFirstOfTwo { request in
            .write(
                try ListGroupsResponse().encodeFrame(
                    version: request.header.apiVersion, correlationID: request.header.correlationID + 100))
        }
        try await withClient(of: [broker.address]) { client in
            let connection = try await client.connection(to: 1, purpose: .admin)
            let first = try await connection.submit(ListGroupsRequest())
            let second = try await connection.submit(ListGroupsRequest())

            let errors = [
                try await kafkaError { _ = try await first.value() },
                try await kafkaError { _ = try await second.value() },
                try await kafkaError { _ = try await connection.send(ListGroupsRequest()) },
            ]

            for error in errors {
                guard case .unexpectedAnswer(let what) = error.reason else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(what.contains("in place of"))
            }
        }
        try await broker.stop()
    }

    /// Says nothing until there are two requests, and then something about the first.
    static func brokerAnsweringFirstOfTwo(
        _ answer: @escaping @Sendable (FakeBroker.Request) throws -> FakeBroker.Action
    ) async throws -> FakeBroker {
        let first = Mutex<FakeBroker.Request?>(nil)
        return try await FakeBroker.ordinary { request in
            guard request.header.apiKey == .listGroups else { return nil }
            guard let waiting = first.withLock({ $0.take() }) else {
                first.withLock { $0 = request }
                return []
            }
            return [try answer(waiting)]
        }
    }

    @Test func `bytes that are no answer poison the connection with the first cause`() async throws {
        let broker = try await Self.brokerAnsweringFirstOfTwo { request in
            guard case .write(var pieces) = try request.reply(ListGroupsResponse()) else { return .close }
            // One byte less than the message has.
            pieces[0].setInteger(Int32(pieces[0].readableBytes - 4 - 1), at: 0)
            pieces[0].moveWriterIndex(to: pieces[0].writerIndex - 1)
            return .write(pieces)
        }
        try await withClient(of: [broker.address]) { client in
            let connection = try await client.connection(to: 1, purpose: .admin)
            let first = try await connection.submit(ListGroupsRequest())
            let second = try await connection.submit(ListGroupsRequest())

            let errors = [
                try await kafkaError { _ = try await first.value() },
                try await kafkaError { _ = try await second.value() },
            ]

            for error in errors {
                guard case .wire(.truncated) = error.reason else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
        try await broker.stop()
    }

    @Test func `a broker that hangs up fails what it has not answered`() async throws {
        let broker = try await FakeBroker.ordinary { $0.header.apiKey == .listGroups ? [.close] : nil }
        try await withClient(of: [broker.address]) { client in
            let connection = try await client.connection(to: 1, purpose: .admin)
            let first = try await connection.submit(ListGroupsRequest())

            let error = try await kafkaError { _ = try await first.value() }
            let replacement = try await client.connection(to: 1, purpose: .admin)

            #expect(error.reason == .connection(.closedByBroker))
            #expect(error.isRetriable)
            #expect(await replacement.isOpen)
            #expect(replacement !== connection)
        }
        try await broker.stop()
    }

    @Test func `an answer nobody asked for closes the connection`() async throws {
        let broker = try await FakeBroker.ordinary { request in
            request.header.apiKey == .listGroups
                ? [try request.reply(ListGroupsResponse()), try request.reply(ListGroupsResponse())] : nil
        }
        try await withClient(of: [broker.address]) { client in
            let connection = try await client.connection(to: 1, purpose: .admin)
            _ = try await connection.send(ListGroupsRequest())

            // Answers come in order, so once the connection has failed this one is told why.
            let error = try await kafkaError {
                while true { _ = try await connection.send(ListGroupsRequest()) }
            }

            guard case .unexpectedAnswer = error.reason else {
                Issue.record("\(error)")
                return
            }
        }
        try await broker.stop()
    }

    @Test func `an answer larger than the limit is refused before it has arrived`() async throws {
        let broker = try await FakeBroker.ordinary { request in
            guard request.header.apiKey == .listGroups else { return nil }
            var huge = ByteBuffer()
            huge.writeInteger(Int32(1 << 20))
            return [.write([huge])]
        }
        try await withClient(of: [broker.address]) {
            $0.maximumFrameBytes = 1000
        } _: { client in
            let error = try await kafkaError { _ = try await client.send(ListGroupsRequest(), to: .broker(1)) }
            #expect(error.reason == .wire(.frameTooLarge(announced: 1 << 20, limit: 1000)))
        }
        try await broker.stop()
    }

    @Test func `cancelling who waits leaves the connection to the others`() async throws {
        let held = Mutex<FakeBroker.Action?>(nil)
        let broker = try await FakeBroker.ordinary { request in
            guard request.header.apiKey == .listGroups else { return nil }
            let answer = try request.reply(ListGroupsResponse())
            // The first answer waits for the second request.
            guard let first = held.withLock({ $0.take() }) else {
                held.withLock { $0 = answer }
                return []
            }
            return [first, answer]
        }
        try await withClient(of: [broker.address]) { client in
            let connection = try await client.connection(to: 1, purpose: .admin)
            let first = try await connection.submit(ListGroupsRequest())
            let waiting = Task { try await first.value() }
            waiting.cancel()

            let error = try await kafkaError { _ = try await waiting.value }
            _ = try await connection.send(ListGroupsRequest())

            #expect(error.reason == .cancelled)
            #expect(await connection.isOpen)
        }
        try await broker.stop()
    }

    @Test func `closing the client fails what is on its way and what comes later`() async throws {
        let broker = try await FakeBroker.ordinary { $0.header.apiKey == .listGroups ? [] : nil }
        try await withClient(of: [broker.address]) { client in
            let connection = try await client.connection(to: 1, purpose: .admin)
            let pending = try await connection.submit(ListGroupsRequest())
            await client.close()

            #expect(try await kafkaError { _ = try await pending.value() }.reason == .closed)
            #expect(try await kafkaError { _ = try await connection.send(ListGroupsRequest()) }.reason == .closed)
            #expect(try await kafkaError { _ = try await client.metadata(.all) }.reason == .closed)
            #expect(
                try await kafkaError { _ = try await client.connection(to: 1, purpose: .fetch(0)) }.reason == .closed)
        }
        try await broker.stop()
    }

    @Test func `a request without an answer takes a number and no place`() async throws {
        let broker = try await FakeBroker.ordinary { request in
            switch request.header.apiKey {
            case .produce: []
            case .listGroups: [try request.reply(ListGroupsResponse())]
            default: nil
            }
        }
        try await withClient(of: [broker.address]) { client in
            let connection = try await client.connection(to: 1, purpose: .admin)
            try await connection.submitWithoutReply(ProduceRequest())
            _ = try await connection.send(ListGroupsRequest())
            #expect(await connection.requestsInFlight == 0)
        }
        #expect(broker.requests(of: .produce).count == 1)
        try await broker.stop()
    }

    @Test func `each purpose has a connection of its own, which callers share`() async throws {
        let broker = try await FakeBroker.ordinary()
        try await withClient(of: [broker.address]) { client in
            _ = try await client.metadata(.none)
            let before = broker.connections

            async let first = client.connection(to: 1, purpose: .fetch(0))
            async let second = client.connection(to: 1, purpose: .fetch(0))
            async let third = client.connection(to: 1, purpose: .fetch(1))
            let (one, two, three) = try await (first, second, third)

            #expect(one === two)
            #expect(one !== three)
            #expect(broker.connections == before + 2)
        }
        try await broker.stop()
    }
}
