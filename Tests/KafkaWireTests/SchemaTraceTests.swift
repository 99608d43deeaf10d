import KafkaWire
import Testing

/// What our messages say their fields are, against what other software says (Fixtures/make_schema.py).
struct SchemaTraceTests {
    /// "Fetch request 12" → its field types.
    private let published: [String: String]
    private let headerVersions: [String: Int]

    init() throws {
        var published: [String: String] = [:]
        var headerVersions: [String: Int] = [:]
        for line in try ProtocolFixture.lines("schema.txt") {
            let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let words = halves[0].split(separator: " ")
            let message = words[0...2].joined(separator: " ")
            published[message] = halves[1].trimmingPrefix(" ").description
            headerVersions[message] = Int(words[4])
        }
        self.published = published
        self.headerVersions = headerVersions
    }

    @Test func `every version of every message has the published field types and defaults`() throws {
        for message in DefinedMessage.all {
            let trace = try message.type.trace(version: message.version)
            #expect(trace == published[message.description], "\(message)")
        }
    }

    @Test func `no published version of an API we define is missing`() {
        let defined = Set(DefinedMessage.all.map(\.description))

        #expect(Set(published.keys).subtracting(defined) == [])
    }

    @Test func `requests and responses have the published header version`() {
        for message in DefinedMessage.all {
            let isFlexible = message.type.versions.isFlexible(message.version)
            let version =
                switch message.kind {
                case .request: isFlexible ? 2 : 1
                case .response: ResponseHeader.isFlexible(message.api, bodyIsFlexible: isFlexible) ? 1 : 0
                }
            #expect(version == headerVersions[message.description], "\(message)")
        }
    }

    @Test func `tagged fields are named in ascending order, once each`() throws {
        for message in DefinedMessage.all {
            for section in try message.type.trace(version: message.version).split(separator: "<").dropFirst() {
                let tags = section.prefix { $0 != ">" }.matches(of: /(\d+):/).compactMap { Int($0.output.1) }
                #expect(tags == Set(tags).sorted(), "\(message)")
            }
        }
    }
}
