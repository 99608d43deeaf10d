internal import ForeignErrors
internal import KafkaClient
internal import NIOCore
internal import NIOHTTP1
internal import Observability
internal import PlainText
package import ReplicatorConfig
internal import Synchronization

/// Asks other instances over HTTP, or HTTPS where this instance's own endpoint has it, whatever they announce: nobody can
/// talk it into sending a password in the clear.
package final class InstanceClient: Sendable {
    /// Time that an instance has for each answer: a person waits for it.
    private static let timeout: TimeAmount = .seconds(2)
    /// Bytes of an answer: ten thousand partitions take some megabytes.
    private static let largestAnswer = 64 << 20

    private let access: Mutex<HTTPAccessSettings>

    /// - Parameter access: settings of this instance's own endpoint: those of the others are the same.
    package init(_ access: HTTPAccessSettings) {
        self.access = Mutex(access)
    }

    /// From the next request on.
    package func use(_ access: HTTPAccessSettings) {
        self.access.withLock { $0 = access }
    }

    package func ask(_ instance: OtherInstance, _ path: String) async -> Result<String, InstanceSilence> {
        let access = access.withLock(\.self)
        guard let announced = instance.address else {
            return .failure(
                InstanceSilence(
                    reason: "it announces no address: set instance.advertise there, or http.listen to an address that "
                        + "others reach"))
        }
        guard let address = HTTPAddress(announced) else {
            return .failure(InstanceSilence(reason: "its address \(announced.printable(atMost: 300)) is none"))
        }
        let request = StatusRequest(
            HostAndPort(host: address.host, port: address.port), trust: access.tls.map { ServerTrust($0) },
            authorization: HTTPLogin.reading(access.authentication), timeout: Self.timeout,
            largestAnswer: Self.largestAnswer)
        do {
            let answer = try await request.send(.GET, path)
            if answer.status == 200 { return .success(answer.body) }
            return .failure(
                InstanceSilence(
                    reason: "\(request.url) answers with status \(answer.status): \(answer.message)"
                        .printable(atMost: 500)))
        } catch let error as ServerTrust.Unusable {
            return .failure(InstanceSilence(reason: "\(error)".printable(atMost: 500)))
        } catch let error as StatusRequest.NoAnswer {
            return .failure(InstanceSilence(reason: "\(error)".printable(atMost: 500)))
        } catch {
            return .failure(
                InstanceSilence(
                    reason: "\(request.url) does not answer: \(ForeignError.words(error))"
                        .printable(atMost: 500)))
        }
    }
}

extension PartitionSelection {
    /// The request for an instance's own part, with these partitions.
    var path: String {
        let partitions =
            switch self {
            case .all: ""
            case .problems: "partitions=problems&"
            case .topic(let topic): "topic=\(StatusRequest.percentEncoded(topic))&"
            }
        return "/api/status?\(partitions)scope=instance"
    }
}
