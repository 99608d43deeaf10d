internal import FoundationEssentials
internal import NIOCore

/// The part of a failover's record in the progress topic that a flow obeys whose copies keep their offsets: from then on
/// others write to its target, and it must not.
struct Handover: Decodable {
    /// Time at which the target was handed over, in milliseconds since 1970; nil before that.
    var handedOver: Int64?
    /// Time at which everybody had come back, or the failover was undone.
    var closed: Int64?

    static let key = ByteBuffer(string: "failover")

    var isInForce: Bool { handedOver != nil && closed == nil }

    /// Nil for a value that is none.
    init?(decoding value: ByteBuffer) {
        guard let found = try? JSONDecoder().decode(Handover.self, from: Data(value.readableBytesView)) else {
            return nil
        }
        self = found
    }
}
