internal import KafkaClient
internal import KafkaWire

// How positions move when records are lost.
extension ShardState {
    /// Retention has passed over the position: what is gone counts as skipped, in its place behind what was read.
    mutating func skipExpired(_ index: Int, until start: Int64) {
        partitions[index].openSkips[.expired, default: 0] += start - partitions[index].position
        partitions[index].position = start
        settlePassed(index)
        noteChange(index)
    }

    /// What lies behind an offset of the source is not what was read there.
    ///
    /// - Returns: how many offsets had passed and are gone.
    mutating func goBack(_ index: Int, to end: Int64, epoch: Int32) -> Int64 {
        doubtTarget(index)
        partitions[index].lastReadEpoch = epoch
        dropBuffered(index)
        let cut = partitions[index].passed - end
        if cut > 0 {
            partitions[index].accounting.rewind(cut)
            partitions[index].position = end
            partitions[index].passed = end
        }
        noteChange(index)
        return max(0, cut)
    }

    /// The topic is another one: its offsets begin anew, and so does what is known of them.
    mutating func beginAnew(_ index: Int, topicID: KafkaUUID) {
        doubtTarget(index)
        dropBuffered(index)
        let passed = partitions[index].passed
        partitions[index].accounting.rewind(passed)
        partitions[index].sourceTopicID = topicID
        partitions[index].lastReadEpoch = -1
        partitions[index].highWatermark = -1
        partitions[index].position = 0
        partitions[index].passed = 0
        partitions[index].map = OffsetMap(start: 0)
        noteChange(index)
    }

    /// The source's log becomes another one. Copies of what it was that wait for an answer, or were not counted yet, are told
    /// from those of what it is by what the target has.
    private mutating func doubtTarget(_ index: Int) {
        guard !partitions[index].window.isEmpty || partitions[index].footing != .firm else { return }
        setFooting(.takeover, of: index)
        partitions[index].isOtherLog = true
    }
}
