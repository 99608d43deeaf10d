/// Producer id, epoch and sequence of a batch, or of the one that would follow.
package struct ProducerStamp: Hashable, Sendable, Codable {
    package var id: Int64
    package var epoch: Int16
    package var sequence: Int32

    package init(id: Int64, epoch: Int16, sequence: Int32) {
        self.id = id
        self.epoch = epoch
        self.sequence = sequence
    }
}
