import KafkaClient
import KafkaWire
import Logging
import NIOCore
import NIOPosix
import Testing

/// A client of the servers at `addresses`, closed at the end of `body`.
func withClient<Result: Sendable>(
    of addresses: [HostAndPort], logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    _ change: (inout ClusterSettings) -> Void = { _ in },
    _ body: (ClusterClient) async throws -> Result
) async throws -> Result {
    var settings = ClusterSettings(name: "east", bootstrapServers: addresses)
    settings.metadataMinimumAge = .zero
    settings.retryBackoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(5))
    settings.reconnectBackoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(5))
    settings.unknownTopicPatience = .milliseconds(20)
    change(&settings)
    let client = ClusterClient(
        settings, eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: logger)
    do {
        let result = try await body(client)
        await client.close()
        return result
    } catch {
        await client.close()
        throw error
    }
}

/// The error that `body` throws; a test failure when it throws none.
func kafkaError(
    _ location: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws -> KafkaError {
    do {
        try await body()
    } catch let error as KafkaError {
        return error
    }
    try #require(Bool(false), "no error was thrown", sourceLocation: location)
    throw CancellationError()
}

extension KafkaError {
    /// A placeholder to compare the interesting part with.
    var summary: String { "\(operation): \(reason)" }
}
