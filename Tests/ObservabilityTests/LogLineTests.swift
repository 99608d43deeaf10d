import Foundation
import Logging
import Observability
import Synchronization
import Testing

@Suite struct LogLineTests {
    private func line(_ fields: Logger.Metadata, message: String = "partition stopped") -> LogLine {
        LogLine(
            time: LocalTime(milliseconds: 1_790_000_000_007), level: .error, label: "replicator", source: "Replication",
            message: message, fields: fields)
    }

    @Test func `numbers are numbers in JSON, and strings stay strings`() {
        let line = line([
            "topic": "123", "partition": "4", "offset": "1234567890123", "lag": "unknown", "group": "7",
            "broker": "2 (b2:9092)", "records": "\(0)", "from": "5",
        ])

        #expect(
            line.json == #"{"broker":"2 (b2:9092)","from":"5","group":"7","lag":"unknown","level":"error","#
                + #""logger":"replicator","message":"partition stopped","offset":1234567890123,"partition":4,"#
                + #""records":0,"time":"2026-09-21T14:13:20.007Z","topic":"123"}"#)
    }

    @Test(arguments: ["007", "+7", "-0", "7.0", "99999999999999999999", ""])
    func `text that is no number as we write them stays text`(text: String) {
        #expect(line(["offset": "\(text)"]).json.contains("\"offset\":\"\(text)\""))
    }

    @Test func `a line of text is one line, whatever is in it`() {
        let line = line(["topic": "a\nb"], message: "x\u{1B}[2Jy")

        #expect(line.text.hasSuffix(#" error replicator: topic=a\nb [Replication] x\u{1B}[2Jy"#))
        #expect(line.text.firstMatch(of: #/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.007[+-]\d\d:\d\d error/#) != nil)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (1_050, "1970-01-01T00:00:01.050Z"),
    ])
    func `times have three places`(milliseconds: Int, text: String) {
        #expect(LocalTime(milliseconds: milliseconds).utc == text)
    }

    @Test(arguments: [LineLogHandler.Format.text, .json])
    func `a handler writes whole lines, with its own fields, from its level on`(format: LineLogHandler.Format) {
        let written = Mutex<[String]>([])
        var logger = Logger(label: "test") { label in
            LineLogHandler(label: label, format: format) { line in written.withLock { $0.append(line) } }
        }
        logger[metadataKey: "flow"] = "there"

        logger.info("begins", metadata: ["partitions": "3"])
        logger.debug("is not told")

        let lines = written.withLock { $0 }
        #expect(lines.count == 1)
        #expect(lines.first?.hasSuffix("\n") == true)
        #expect(lines.first?.contains(format == .json ? #""flow":"there""# : "flow=there partitions=3") == true)
    }
}
