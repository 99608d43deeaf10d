import KafkaWire
import Testing

struct NegotiatedVersionsTests {
    private func versions(_ ranges: [(ApiKey, Int16, Int16)]) -> NegotiatedVersions {
        var response = ApiVersionsResponse()
        response.apiKeys = ranges.map { api, low, high in
            var version = ApiVersionsResponse.ApiVersion()
            version.apiKey = api.rawValue
            version.minVersion = low
            version.maxVersion = high
            return version
        }
        return NegotiatedVersions(response)
    }

    @Test(
        arguments: [
            (0, 4, 4),  // older than we are
            (4, 99, FetchRequest.versions.range.upperBound),  // newer
            (12, 12, 12),  // only one
            (90, 99, nil),  // too new
            (5, 4, nil),  // upside down
        ] as [(Int16, Int16, Int16?)])
    func `the highest version that both sides have is taken`(low: Int16, high: Int16, expected: Int16?) {
        #expect(versions([(.fetch, low, high)]).version(of: FetchRequest.self) == expected)
    }

    @Test func `the caller may bound the version`() {
        let versions = versions([(.fetch, 4, 13)])

        #expect(versions.version(of: FetchRequest.self, within: 0...12) == 12)
        #expect(versions.version(of: FetchRequest.self, within: 7...99) == 13)
        #expect(versions.version(of: FetchRequest.self, within: 0...3) == nil)
        #expect(versions.version(of: FetchRequest.self, within: 14...16) == nil)
    }

    @Test func `what a broker did not list it does not speak`() {
        let versions = versions([(.fetch, 4, 13)])

        #expect(versions.version(of: ProduceRequest.self) == nil)
        #expect(versions.range(of: .produce) == nil)
        #expect(versions.range(of: .fetch) == 4...13)
    }

    @Test func `keys that we do not know are kept`() {
        let unknown = ApiKey(rawValue: 4711)

        #expect(versions([(unknown, 0, 3)]).range(of: unknown) == 0...3)
        #expect(unknown.description == "api key 4711")
    }
}
