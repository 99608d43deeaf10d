import KafkaWire
import Testing

struct ErrorCodeTests {
    @Test func `every code has Kafka's name and is retriable where Kafka says so`() throws {
        for line in try ProtocolFixture.lines("errors.txt") {
            let words = line.split(separator: " ")
            let code = ErrorCode(rawValue: Int16(words[0])!)
            #expect(code.name == words[1])
            #expect(code.isRetriable == (words[2] == "retriable"), "\(code)")
        }
    }

    @Test func `a code from the future keeps its number`() {
        let code = ErrorCode(rawValue: 9999)

        #expect(code.description == "UNKNOWN_ERROR_CODE (9999)")
        #expect(!code.isRetriable)
    }
}
