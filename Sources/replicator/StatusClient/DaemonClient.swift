internal import ForeignErrors
internal import KafkaClient
internal import NIOCore
internal import NIOHTTP1
internal import ReplicatorDaemon

/// Asks a running `replicator run` over its HTTP address, and explains to people why it does not answer.
struct DaemonClient {
    private let request: StatusRequest

    init(address: HostAndPort, trust: ServerTrust?, authorization: String?) {
        // Status documents of ten thousand partitions take some megabytes.
        request = StatusRequest(
            address, trust: trust, authorization: authorization, timeout: .seconds(30), largestAnswer: 256 << 20)
    }

    var address: HostAndPort { request.address }

    /// - Throws: ``Failure`` when no replicator answers, or it wants other credentials.
    func send(_ method: HTTPMethod, _ path: String) async throws -> StatusRequest.Answer {
        let answer: StatusRequest.Answer
        let url = request.url
        do {
            answer = try await request.send(method, path)
        } catch let error as ServerTrust.Unusable {
            throw Failure("\(error)", exitCode: .usage)
        } catch let error as StatusRequest.NoAnswer {
            throw Failure("\(error)")
        } catch {
            throw Failure(
                "no replicator answers at \(url): \(ForeignError.words(error)); is `replicator run` running there with "
                    + "http.listen set? --url names another address")
        }
        switch answer.status {
        case 401 where request.authorization == nil:
            throw Failure(
                "\(url) wants credentials: name a user with --user and put the password into "
                    + "\(DaemonOptions.passwordVariable), or use the configuration that the replicator runs with")
        case 401: throw Failure("\(url) does not accept these credentials: \(answer.message)")
        case 403, 421, 429: throw Failure("\(url) refuses: \(answer.message)")
        default: return answer
        }
    }
}
