/// Hands out producer ids, each once, also across restarts.
///
/// As Kafka's brokers do, a block of ids is reserved in the journal at a time; a crash loses the rest of a block.
struct ProducerIDs {
    private static let blockSize: Int64 = 1000
    /// Every id below may have been handed out.
    private(set) var reserved: Int64
    private var next: Int64

    init(reserved: Int64 = 0) {
        self.reserved = reserved
        next = reserved
    }

    /// The reservation to write down before the next id may be taken; nil while the present one lasts.
    var neededReservation: Int64? { next < reserved ? nil : reserved + Self.blockSize }

    mutating func reserve(upTo end: Int64) {
        reserved = end
    }

    mutating func take() -> Int64 {
        defer { next += 1 }
        return next
    }
}
