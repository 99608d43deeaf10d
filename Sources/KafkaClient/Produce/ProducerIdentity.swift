/// The producer that an idempotent batch says it comes from.
public struct ProducerIdentity: Hashable, Sendable {
    public var id: Int64
    public var epoch: Int16

    public init(id: Int64, epoch: Int16) {
        self.id = id
        self.epoch = epoch
    }
}
