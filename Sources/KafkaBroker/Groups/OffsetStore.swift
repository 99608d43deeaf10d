import KafkaWire
import Logging
import NIOCore

/// The storage of groups and their offsets: as records of `__consumer_offsets`, read back at the start.
extension Cluster {
    /// Commits offsets that have been admitted; they are in the log when this returns.
    ///
    /// - Parameter producer: whose transaction decides whether they hold; nil if they hold at once.
    func store(
        _ commits: [(topic: String, partition: Int32, offset: CommittedOffset)], of entry: GroupEntry,
        producer: (id: Int64, epoch: Int16)? = nil
    ) throws(AdminRefusal) {
        let group = entry.id
        var entries: [(OffsetsTopicKey, ByteBuffer?)] = []
        for (topic, partition, offset) in commits {
            entries.append((.offset(group: group, topic: topic, partition: partition), try offset.encoded()))
        }
        let position = try writeOffsets(entries, of: group, producer: producer)
        for (topic, partition, var offset) in commits {
            offset.position = position
            if let producer {
                entry.pendingOffsets.add(offset, topic, partition, producerID: producer.id)
            } else {
                entry.offsets[topic, default: [:]][partition] = offset
            }
        }
    }

    /// Takes committed offsets back.
    func removeOffsets(_ keys: [(topic: String, partition: Int32)], of entry: GroupEntry) throws(AdminRefusal) {
        let present = keys.filter { entry.offsets[$0.topic]?[$0.partition] != nil }
        guard !present.isEmpty else { return }
        let group = entry.id
        try writeOffsets(
            present.map { (.offset(group: group, topic: $0.topic, partition: $0.partition), nil) }, of: group)
        for (topic, partition) in present {
            entry.offsets[topic]?[partition] = nil
            if entry.offsets[topic]?.isEmpty == true { entry.offsets[topic] = nil }
        }
    }

    /// A topic is gone, and with it every offset in it.
    func forgetOffsets(of topic: String) {
        for entry in groups.groups.values {
            entry.pendingOffsets.forget(topic: topic)
            guard let partitions = entry.offsets[topic] else { continue }
            dropOffsets(partitions.keys.map { (topic, $0) }, of: entry)
        }
    }

    /// Deletes a group with its offsets.
    func deleteGroup(_ entry: GroupEntry) throws(AdminRefusal) {
        try removeOffsets(entry.offsets.flatMap { topic, partitions in partitions.keys.map { (topic, $0) } }, of: entry)
        try writeOffsets(tombstones(of: entry.state), of: entry.id)
        removeGroup(entry)
    }

    /// Drops what `offsets.retention.minutes` lets go (KIP-211): the offsets of groups that nobody has been a member of
    /// for so long, and those of topics that the members of a group have ceased to subscribe to.
    func expireOffsets() {
        let now = clock.wallTime()
        let retention = Int64(configs.number("offsets.retention.minutes")) * 60_000
        for entry in groups.groups.values {
            guard let kept = entry.state.topicsInUse else { continue }
            // Commits of a consumer group have a time of their own each, whether it has members or not.
            let isLeft = entry.state.isEmpty && entry.state.classic?.protocolType != nil
            var expired: [(topic: String, partition: Int32)] = []
            for (topic, partitions) in entry.offsets where !kept.contains(topic) {
                for (partition, offset) in partitions where !entry.pendingOffsets.contains(topic, partition) {
                    let since = isLeft ? max(offset.commitTimestamp, entry.emptySince) : offset.commitTimestamp
                    // Clients name times of commits themselves, up to the largest there is.
                    let isDue = offset.expireTimestamp.map { $0 <= now } ?? (now &- since >= retention)
                    if isDue { expired.append((topic, partition)) }
                }
            }
            dropOffsets(expired, of: entry)
            guard entry.state.isEmpty, entry.offsets.isEmpty, entry.pendingOffsets.isEmpty,
                now &- entry.emptySince >= retention
            else { continue }
            do throws(AdminRefusal) {
                try deleteGroup(entry)
            } catch {
                logger.error(
                    "group cannot be removed", metadata: ["group": "\(entry.id)", "reason": "\(error.message)"])
            }
        }
    }

    private func dropOffsets(_ keys: [(topic: String, partition: Int32)], of entry: GroupEntry) {
        do throws(AdminRefusal) {
            try removeOffsets(keys, of: entry)
        } catch {
            logger.error(
                "offsets cannot be removed", metadata: ["group": "\(entry.id)", "reason": "\(error.message)"])
        }
    }

    /// Appends to the group's partition of `__consumer_offsets`, and returns where.
    ///
    /// - Parameter producer: makes the records part of that producer's transaction.
    @discardableResult
    func writeOffsets(
        _ entries: [(OffsetsTopicKey, ByteBuffer?)], of group: String, producer: (id: Int64, epoch: Int16)? = nil
    ) throws(AdminRefusal) -> Int64 {
        guard let partition = offsetsPartition(of: group) else {
            throw AdminRefusal(.coordinatorNotAvailable, "\(TopicName.offsets) does not exist yet")
        }
        var builder = RecordBatchBuilder(
            producerID: producer?.id ?? -1, producerEpoch: producer?.epoch ?? -1, isTransactional: producer != nil)
        let now = clock.wallTime()
        do throws(WireError) {
            for (key, value) in entries { builder.append(timestamp: now, key: try key.encode(), value: value) }
        } catch {
            throw AdminRefusal(.unknownServerError, "\(error)")
        }
        return try partition.appendInternally(builder, now: now)
    }

    /// Reads every group back from `__consumer_offsets`.
    func loadGroups() throws(BrokerError) {
        guard let topic = topics[TopicName.offsets] else { return }
        let now = clock.steadyTime()
        var stored: [ExactName: StoredGroup] = [:]
        var consumerGroups: [ExactName: StoredConsumerGroup] = [:]
        var memberless: [ExactName: GroupType] = [:]
        for partition in topic.partitions {
            try forEachEntry(of: partition) { batch, record throws(WireError) in
                guard !batch.isControl else {
                    let kind = try ControlRecord(record).kind
                    guard kind == .commit || kind == .abort else { return }
                    return settleOffsets(of: batch.producerID, in: partition, commit: kind == .commit)
                }
                guard let key = record.key else { return }
                let value = record.value
                switch try OffsetsTopicKey(key) {
                case .offset(let id, let topic, let partition):
                    guard let value else {
                        groups.groups[id]?.offsets[topic]?[partition] = nil
                        return
                    }
                    var offset = CommittedOffset(try OffsetCommitValue.decodeWithVersion(value))
                    offset.position = batch.baseOffset
                    if batch.isTransactional {
                        group(id).pendingOffsets.add(offset, topic, partition, producerID: batch.producerID)
                    } else {
                        group(id).offsets[topic, default: [:]][partition] = offset
                    }
                case .group(let id):
                    stored[id] = try value.map { value throws(WireError) in
                        try StoredGroup.decodeWithVersion(value)
                    }
                case .consumerGroup(let id, let key): try consumerGroups[id, default: .init()].apply(key, value)
                case .memberless(let id, let type): memberless[id] = value == nil ? nil : type
                case nil: break
                }
            }
        }
        for (id, consumerGroup) in consumerGroups where consumerGroup.hasEpoch && stored[id] == nil {
            var group = ConsumerGroup(id: id.text, restoring: consumerGroup)
            group.startTimers(consumerContext(of: id.text, caller: nil))
            let entry = self.group(id.text)
            entry.state = .consumer(group)
            runEffects(entry)
        }
        for (id, type) in memberless { group(id.text).state = .memberless(id: id.text, type) }
        for (id, metadata) in stored {
            let entry = group(id.text)
            entry.state.changeClassic { $0.restore(metadata, now: now) }
            runEffects(entry)
            if metadata.members.isEmpty, metadata.currentStateTimestamp >= 0 {
                entry.emptySince = metadata.currentStateTimestamp
            }
        }
        for entry in groups.groups.values
        where entry.offsets.allSatisfy({ $0.value.isEmpty }) && entry.pendingOffsets.isEmpty
            && entry.state.type == .classic && stored[entry.id] == nil
        {
            groups.groups[entry.id] = nil
        }
        if !groups.groups.isEmpty { logger.info("groups loaded", metadata: ["groups": "\(groups.groups.count)"]) }
    }
}

extension CommittedOffset {
    fileprivate init(_ value: OffsetCommitValue) {
        self.init(
            offset: value.offset, leaderEpoch: value.leaderEpoch, metadata: value.metadata,
            commitTimestamp: value.commitTimestamp,
            expireTimestamp: value.expireTimestamp < 0 ? nil : value.expireTimestamp)
    }

    fileprivate func encoded() throws(AdminRefusal) -> ByteBuffer {
        var value = OffsetCommitValue()
        value.offset = offset
        value.leaderEpoch = leaderEpoch
        value.metadata = metadata
        value.commitTimestamp = commitTimestamp
        value.expireTimestamp = expireTimestamp ?? -1
        do throws(WireError) {
            // As Kafka does: the version that has the field in use.
            return try value.encodeWithVersion(expireTimestamp == nil ? 3 : 1)
        } catch {
            throw AdminRefusal(.invalidCommitOffsetSize, "\(error)")
        }
    }
}
