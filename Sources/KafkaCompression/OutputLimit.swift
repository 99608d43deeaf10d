/// A limit of what a decompression may produce: a few compressed bytes can stand for gigabytes.
public struct OutputLimit: Hashable, Sendable {
    /// The ceiling in bytes.
    public let bytes: Int

    public init(bytes: Int) {
        self.bytes = max(bytes, 0)
    }

    /// Room for a batch of 1 MiB, Kafka's default maximum, at a ratio of 128.
    public static let `default` = OutputLimit(bytes: 128 << 20)
}
