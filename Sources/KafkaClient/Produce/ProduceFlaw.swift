public import KafkaWire

extension ProduceResponse.PartitionProduceResponse {
    /// A number in the answer that cannot be true, with its name; nil for an answer that can be true.
    public var flaw: String? {
        var check = NumberCheck()
        check.offset(baseOffset, "base offset")
        check.offset(logStartOffset, "log start offset")
        return check.flaw
    }
}
