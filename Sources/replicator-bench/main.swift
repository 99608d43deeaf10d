import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication

// Micro-benchmarks of what happens per batch and per frame; `make bench` also measures whole processes.

let report = Report()
let megabyte = Samples.batch(records: 1_000, valueBytes: 1_000)
let small = Samples.batch(records: 10, valueBytes: 100)

report.section("per batch, ns")
report.measure("parse the header of a batch") { _ = try RecordBatch(small.bytes) }
let patch = BatchHeaderPatch(producerID: 7, producerEpoch: 1, baseSequence: 5)
report.measure("rewrite the header, 1 MB batch, checksum shifted") { _ = patch.apply(to: megabyte) }
report.measure("checksum of a 1 MB batch") { _ = megabyte.isChecksumValid }
report.measure("validate 1,000 records of 1 KB") { _ = try megabyte.records().validateDense() }
for codec in CompressionCodec.allCases where codec != .none {
    let compressed = try Samples.batch(records: 1_000, valueBytes: 1_000, codec: codec)
    report.measure("decompress 1 MB of \(codec.name)") { _ = try compressed.records() }
}

report.section("per frame, ns")
let fetch = Samples.fetchResponse(partitions: 100, batch: small)
let fetchFrame = try fetch.encodeContiguously(version: 12)
report.measure("decode a fetch answer of 100 partitions") { _ = try FetchResponse.decode(fetchFrame, version: 12) }
let metadata = Samples.metadataResponse(topics: 300, partitions: 10)
let metadataFrame = try metadata.encodeContiguously(version: 12)
report.measure("decode metadata of 3,000 partitions") { _ = try MetadataResponse.decode(metadataFrame, version: 12) }
let produce = Samples.produceRequest(partitions: 10, batch: megabyte)
report.measure("encode a produce request of 10 MB") {
    _ = try produce.encodeFrame(version: 9, correlationID: 1, clientID: "bench")
}

report.section("division among 5 instances, ns")
let group = Samples.instances(5, partitions: 10_000)
report.measure("10,000 partitions, when one is new") {
    _ = AssignmentPlanner(parts: group.parts).plan(for: group.members + [AssignmentPlanner.Member(id: "new")])
}
report.measure("10,000 partitions, when one is gone") {
    _ = AssignmentPlanner(parts: group.parts).plan(for: Array(group.members.dropLast()))
}
