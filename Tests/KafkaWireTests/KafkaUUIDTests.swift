import KafkaWire
import Testing

@Suite struct KafkaUUIDTests {
    /// What `Uuid.toString()` of Kafka's Java client gives: URL-safe base 64 of the 16 bytes, without padding.
    @Test(arguments: [
        (0 as UInt64, 0 as UInt64, "AAAAAAAAAAAAAAAAAAAAAA"),
        (0, 1, "AAAAAAAAAAAAAAAAAAAAAQ"),
        (.max, .max, "_____________________w"),
        (0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210, "ASNFZ4mrze_-3LqYdlQyEA"),
    ]) func `ids are printed as Kafka's tools do`(high: UInt64, low: UInt64, text: String) {
        #expect("\(KafkaUUID(high: high, low: low))" == text)
    }
}
