import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Tells an unfinished write at a journal's end from damage.
@Suite struct JournalContentsTests {
    private static let bodies = ["first", "the second one", "3rd", "the fourth and last entry"].map { Array($0.utf8) }

    private static func entry(_ body: [UInt8]) -> [UInt8] {
        var bytes = ByteBuffer()
        let body = ByteBuffer(bytes: body)
        bytes.writeMultipleIntegers(Int32(body.readableBytes), CRC32C.checksum(of: body))
        bytes.writeImmutableBuffer(body)
        return Array(bytes.readableBytesView)
    }

    private static let journal = bodies.flatMap(entry)
    private static let ends = bodies.reduce(into: [0]) { $0.append($0[$0.count - 1] + entry($1).count) }

    private func contents(_ bytes: [UInt8]) -> JournalContents { JournalContents(ByteBuffer(bytes: bytes)) }

    @Test func `a journal that is whole has all of its entries and no tail`() {
        let contents = contents(Self.journal)
        #expect(contents.entries.map { Array($0.readableBytesView) } == Self.bodies)
        #expect(contents.tail == .none && contents.end == Self.journal.count)
        #expect(self.contents([]).tail == .none)
    }

    @Test func `an end at any byte is an unfinished write of the last entry`() {
        for end in 0...Self.journal.count {
            let contents = contents(Array(Self.journal[..<end]))
            let whole = Self.ends.lastIndex { $0 <= end } ?? 0
            #expect(contents.entries.count == whole && contents.end == Self.ends[whole])
            #expect(contents.tail == (end == Self.ends[whole] ? .none : .torn(end - Self.ends[whole])))
        }
    }

    @Test func `zeros in the place of what was not written are an unfinished write`() {
        let last = Self.ends[3]
        for end in last...Self.journal.count {
            let bytes = Self.journal[..<end] + [UInt8](repeating: 0, count: 4096 - end)
            let contents = contents(Array(bytes))
            #expect(contents.entries.count == (end == Self.journal.count ? 4 : 3))
            #expect(contents.tail == .torn(4096 - contents.end))
        }
    }

    @Test func `any flipped bit before the last entry is damage`() {
        for bit in 0..<8 * Self.ends[3] {
            var bytes = Self.journal
            bytes[bit / 8] ^= 1 << (bit % 8)
            guard case .damaged = contents(bytes).tail else {
                Issue.record("bit \(bit) is taken for \(contents(bytes).tail)")
                continue
            }
        }
    }

    @Test func `a flipped bit in the length of the last entry is damage, its checksum may be unfinished`() {
        let last = Self.ends[3]
        for bit in 0..<8 * (Self.journal.count - last) {
            var bytes = Self.journal
            bytes[last + bit / 8] ^= 1 << (bit % 8)
            let tail = contents(bytes).tail
            #expect(contents(bytes).entries.count == 3)
            if bit / 8 < 4 {
                guard case .damaged = tail else {
                    Issue.record("bit \(bit) is taken for \(tail)")
                    continue
                }
            } else {
                #expect(tail == .torn(Self.journal.count - last))
            }
        }
    }

    @Test func `bytes that are no entry and no beginning of one are damage`() {
        for tail in [[UInt8](repeating: 0xFF, count: 40), Array("not a journal, but text of its own".utf8) + [0, 7]] {
            let contents = contents(Self.journal + tail)
            #expect(contents.entries.count == 4)
            if tail[0] == 0xFF {
                guard case .damaged = contents.tail else {
                    Issue.record("taken for \(contents.tail)")
                    continue
                }
            }
        }
    }
}

@Suite struct DirectoryIdentityTests {
    @Test func `an identity is read as it is written`() throws {
        let identity = DirectoryIdentity(clusterID: "4L6g3nShT-eMCtK--X86sw", firstNode: 4, directoryID: "abc")
        #expect(try DirectoryIdentity(parsing: identity.text) == identity)
        #expect(
            identity.text.contains("\ncluster.id=4L6g3nShT-eMCtK--X86sw\n") && identity.text.contains("\nversion=1\n"))
    }

    @Test(arguments: [
        ("version=1\ncluster.id=a\nnode.id=1\ndirectory.id=d\n", DirectoryIdentity.Refusal.foreign), ("", .foreign),
        ("#\n#Mon Nov 30 02:00:00 UTC 2026\nbroker.id=0\nversion=0\ncluster.id=a\n", .foreign),
        ("replicator.format=2\nversion=1\ncluster.id=a\ndirectory.id=d\n", .newer(format: "2")),
        ("replicator.format=1\nversion=1\ncluster.id=\ndirectory.id=d\n", .incomplete),
        ("replicator.format=1\nversion=1\n", .incomplete),
    ]) func `what is not ours, newer or incomplete is told apart`(
        _ text: String, _ refusal: DirectoryIdentity.Refusal
    ) {
        #expect(throws: refusal) { try DirectoryIdentity(parsing: text) }
    }

    @Test func `blanks, comments and unknown keys do not matter`() throws {
        let text =
            "! comment\r\n replicator.format = 1 \r\nversion=1\r\nnew.key=x=y\r\ncluster.id = a\r\ndirectory.id=d"
        #expect(try DirectoryIdentity(parsing: text) == DirectoryIdentity(clusterID: "a", directoryID: "d"))
    }
}

@Suite struct LogDirectoryNameTests {
    @Test func `names of logs in use, deleted and stray are told apart`() throws {
        let id = KafkaUUID(high: 0x0123_4567_89AB_CDEF, low: 7)
        let deleted = try #require(LogDirectoryName(LogDirectoryName.deleted("a.b-c-12", id)))
        #expect(deleted.topic == "a.b-c" && deleted.partition == 12 && deleted.state == .deleted(id))
        #expect(LogDirectoryName("a.b-c-12")?.state == .inUse)
        #expect(LogDirectoryName(LogDirectoryName.stray("a-0"))?.state == .stray)
    }

    @Test(arguments: [
        "", "a", "a-", "-1", "a-01", "a-+1", "a-2147483648", "photos.deleted", "a b-1", "é-1", "..-0/x", "a-1.x-delete",
        "a-1.0123-stray", ".-0",
    ]) func `other names are nobody's log`(_ name: String) {
        #expect(LogDirectoryName(name) == nil)
    }

    @Test func `the longest topic still has a name that a file may have`() {
        let log = String(repeating: "x", count: 249) + "-12345"
        #expect(LogDirectoryName.deleted(log, .zero).utf8.count == 255)
        #expect(LogDirectoryName.stray(log).utf8.count == 255)
    }
}
