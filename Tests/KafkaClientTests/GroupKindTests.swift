import KafkaClient
import Testing

/// Kinds of groups, by what ListGroups tells.
@Suite struct GroupKindTests {
    @Test(arguments: [
        ("Classic", "consumer", GroupKind.classic), ("Consumer", "consumer", .consumer), ("Share", "share", .share),
        ("Streams", "streams", .streams), ("classic", "", .classic),
        // Before Kafka 3.8 there are no types.
        ("", "consumer", .classic), ("", "", .classic), ("", "share", .share), ("", "streams", .streams),
        // One that came later, and one that the cluster does not know itself.
        ("Queue", "queue", .unknown), ("Unknown", "", .unknown),
    ])
    func `a listing has its kind`(type: String, protocolType: String, kind: GroupKind) {
        let listing = GroupListing(
            id: "g", protocolType: protocolType, type: type, state: "Empty", coordinator: 1)
        #expect(listing.kind == kind)
    }
}
