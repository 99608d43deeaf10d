import KafkaWire
import NIOCore

/// An answer that a hostile or broken broker might give instead: a seed makes one of many.
struct AnswerMutation {
    enum Kind {
        /// Numbers that cannot be true, and frames that cannot be read: nobody may believe any of it.
        case impossible
        /// The same, and whatever else can be put into an answer, lies included.
        case anything
    }

    private var random: SeededGenerator
    private let kind: Kind
    /// An earlier answer, to be given again to another question.
    private var earlier: ByteBuffer?

    init(_ kind: Kind, using random: SeededGenerator) {
        self.kind = kind
        self.random = random
    }

    private static let impossibleOffsets: [Int64] = [.min, .min + 1, -2, .max, .max - 1, 1 << 61, 1 << 62]
    private static let odd: [Int64] =
        impossibleOffsets + [-1, 0, 1, 7, 1 << 15, 1 << 16, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 59, 1 << 60]

    /// Whether the next answer is exchanged.
    mutating func isDue(one outOf: UInt64) -> Bool { random.next() % outOf == 0 }

    /// The bytes to send in place of an answer, its length included; nil to hang up.
    mutating func exchange(_ answer: AnswerProxy.Answer) -> ByteBuffer? {
        defer { if random.next() % 4 == 0 { earlier = answer.frame } }
        switch kind {
        case .impossible:
            return random.next() % 3 == 0 ? broken(answer.frame) : framed(edited(answer) ?? answer.frame)
        case .anything:
            switch random.next() % 8 {
            case 0: return broken(answer.frame)
            case 1: return framed(edited(answer) ?? answer.frame)
            case 2: return framed(swapped(answer))
            case 3: return framed(sampled(answer) ?? answer.frame)
            default: return framed(damaged(answer.frame))
            }
        }
    }

    // Frames

    /// A frame that cannot be one, or that ends before its message does.
    private mutating func broken(_ frame: ByteBuffer) -> ByteBuffer? {
        var bytes = ByteBuffer()
        switch random.next() % 6 {
        case 0: return nil
        case 1:
            // Without its last bytes, however short.
            let length = 4 + Int(random.next() % UInt64(max(1, frame.readableBytes - 4)))
            return framed(frame.getSlice(at: frame.readerIndex, length: min(length, frame.readableBytes - 1)) ?? frame)
        case 2:
            bytes.writeInteger([Int32.max, .min, -1, 0, 3][Int(random.next() % 5)])
            bytes.writeImmutableBuffer(frame)
        case 3:
            // The answer to another request.
            var other = frame
            other.setInteger(Int32(truncatingIfNeeded: random.next()), at: other.readerIndex)
            return framed(other)
        case 4: bytes.writeBytes((0..<40).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        default:
            // Counts and lengths that no frame can honour, right behind the correlation id.
            var other = frame
            for at in 4..<min(12, other.readableBytes) { other.setInteger(UInt8.max, at: other.readerIndex + at) }
            return framed(other)
        }
        return bytes
    }

    private func framed(_ frame: ByteBuffer) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeInteger(Int32(frame.readableBytes))
        bytes.writeImmutableBuffer(frame)
        return bytes
    }

    private mutating func damaged(_ frame: ByteBuffer) -> ByteBuffer {
        var bytes = Array(frame.readableBytesView)
        for _ in 0...(random.next() % 3) where bytes.count > 4 {
            let at = Int.random(in: 4..<bytes.count, using: &random)
            switch random.next() % 6 {
            case 0: bytes[at] ^= 1 << UInt8(random.next() % 8)
            case 1: bytes[at] = UInt8(truncatingIfNeeded: random.next())
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int(random.next() % 8)))
            case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + Int(random.next() % 64))], at: at)
            default:
                let width = [2, 4, 8][Int(random.next() % 3)]
                let value = Self.odd.randomElement(using: &random) ?? 0
                for place in 0..<width where at + place < bytes.count {
                    bytes[at + place] = UInt8(truncatingIfNeeded: value >> Int64(8 * (width - 1 - place)))
                }
            }
        }
        return ByteBuffer(bytes: bytes)
    }

    /// Another answer under the correlation id of this one.
    private func swapped(_ answer: AnswerProxy.Answer) -> ByteBuffer {
        guard var other = earlier, let id = answer.frame.getInteger(at: answer.frame.readerIndex, as: Int32.self) else {
            return answer.frame
        }
        other.setInteger(id, at: other.readerIndex)
        return other
    }

    // Fields

    private mutating func impossibleOffset() -> Int64 { Self.impossibleOffsets.randomElement(using: &random) ?? .max }

    /// A well-formed answer of random values, the edges preferred.
    private mutating func sampled(_ answer: AnswerProxy.Answer) -> ByteBuffer? {
        guard let request = ApiKey.definedRequests.first(where: { $0.apiKey == answer.api }) else { return nil }
        return sampled(request, answer)
    }

    private mutating func sampled<Request: KafkaRequest>(
        _: Request.Type, _ answer: AnswerProxy.Answer
    ) -> ByteBuffer? {
        guard let sample = try? Request.Response.sample(version: answer.version, from: &random) else { return nil }
        return encoded(sample, answer)
    }

    private func encoded(_ response: some KafkaResponse, _ answer: AnswerProxy.Answer) -> ByteBuffer? {
        guard let id = answer.frame.getInteger(at: answer.frame.readerIndex, as: Int32.self),
            let pieces = try? response.encodeFrame(version: answer.version, correlationID: id)
        else { return nil }
        var bytes = ByteBuffer()
        for piece in pieces { bytes.writeImmutableBuffer(piece) }
        bytes.moveReaderIndex(forwardBy: 4)
        return bytes
    }

    private mutating func edit<Response: KafkaResponse>(
        _ answer: AnswerProxy.Answer, _: Response.Type, _ body: (inout Response, inout AnswerMutation) -> Void
    ) -> ByteBuffer? {
        var frame = answer.frame
        frame.moveReaderIndex(forwardBy: 4)
        guard var response = try? Response.decodeFrame(frame, version: answer.version) else { return nil }
        body(&response, &self)
        return encoded(response, answer)
    }

    /// The answer with a number in it that cannot be true; nil for one that has none.
    private mutating func edited(_ answer: AnswerProxy.Answer) -> ByteBuffer? {
        switch answer.api {
        case .fetch:
            edit(answer, FetchResponse.self) { response, this in
                for topic in response.responses.indices {
                    for partition in response.responses[topic].partitions.indices {
                        this.edit(&response.responses[topic].partitions[partition])
                    }
                }
            }
        case .produce:
            edit(answer, ProduceResponse.self) { response, this in
                for topic in response.responses.indices {
                    for partition in response.responses[topic].partitionResponses.indices {
                        response.responses[topic].partitionResponses[partition].baseOffset = this.impossibleOffset()
                    }
                }
            }
        case .listOffsets:
            edit(answer, ListOffsetsResponse.self) { response, this in
                for topic in response.topics.indices {
                    for partition in response.topics[topic].partitions.indices {
                        response.topics[topic].partitions[partition].offset = this.impossibleOffset()
                    }
                }
            }
        case .metadata: edit(answer, MetadataResponse.self) { response, this in this.edit(&response) }
        case .offsetForLeaderEpoch:
            edit(answer, OffsetForLeaderEpochResponse.self) { response, this in
                for topic in response.topics.indices {
                    for partition in response.topics[topic].partitions.indices {
                        response.topics[topic].partitions[partition].endOffset = this.impossibleOffset()
                    }
                }
            }
        case .findCoordinator:
            edit(answer, FindCoordinatorResponse.self) { response, this in
                response.port = this.impossiblePort()
                for place in response.coordinators.indices { response.coordinators[place].port = this.impossiblePort() }
            }
        case .offsetFetch:
            edit(answer, OffsetFetchResponse.self) { response, this in
                for group in response.groups.indices {
                    for topic in response.groups[group].topics.indices {
                        for place in response.groups[group].topics[topic].partitions.indices {
                            response.groups[group].topics[topic].partitions[place].committedOffset = .max
                        }
                    }
                }
            }
        case .initProducerId:
            edit(answer, InitProducerIdResponse.self) { response, this in
                response.producerID = this.impossibleOffset() | .min
                response.producerEpoch = .min
            }
        case .describeProducers:
            edit(answer, DescribeProducersResponse.self) { response, this in
                for topic in response.topics.indices {
                    for place in response.topics[topic].partitions.indices {
                        for number in response.topics[topic].partitions[place].activeProducers.indices {
                            response.topics[topic].partitions[place].activeProducers[number].producerEpoch = .max
                        }
                    }
                }
            }
        default: nil
        }
    }

    private mutating func impossiblePort() -> Int32 { [70_000, -1, 0, .max, .min].randomElement(using: &random) ?? -1 }

    private mutating func edit(_ partition: inout FetchResponse.PartitionData) {
        switch random.next() % 5 {
        case 0: partition.highWatermark = impossibleOffset()
        case 1: partition.lastStableOffset = impossibleOffset()
        case 2: partition.logStartOffset = impossibleOffset()
        case 3:
            var aborted = FetchResponse.AbortedTransaction()
            aborted.producerID = .max
            aborted.firstOffset = impossibleOffset()
            partition.highWatermark = impossibleOffset()
            partition.abortedTransactions = [aborted, aborted]
        default:
            partition.highWatermark = .max
            partition.divergingEpoch.epoch = 5
            partition.divergingEpoch.endOffset = impossibleOffset()
        }
    }

    private mutating func edit(_ response: inout MetadataResponse) {
        for place in response.brokers.indices {
            if random.next() % 2 == 0 {
                response.brokers[place].port = impossiblePort()
            } else {
                response.brokers[place].host = ["", " ", "\u{0}", "a b"].randomElement(using: &random) ?? ""
            }
        }
        // What is said twice, or about what cannot be, says nothing.
        response.brokers += response.brokers
        response.topics += response.topics
        for topic in response.topics.indices {
            guard var partition = response.topics[topic].partitions.first else { continue }
            partition.partitionIndex = random.next() % 2 == 0 ? .max : -1
            response.topics[topic].partitions.append(partition)
        }
    }
}
