internal import HTTPTypes
internal import Hummingbird
internal import KafkaBroker

/// Failure of a request to the control endpoint: a code for programs, a reason for people.
struct ControlFailure: Error, Encodable {
    enum Code: String, Encodable {
        /// The request cannot be understood.
        case invalidRequest = "INVALID_REQUEST"
        /// There is no such node, topic, partition or path.
        case notFound = "NOT_FOUND"
        /// The cluster is not in a state for it.
        case notPossible = "NOT_POSSIBLE"
        /// The request is not for this endpoint, or from a page of another site.
        case forbidden = "FORBIDDEN"
        /// The body is not JSON by its type.
        case unsupportedType = "UNSUPPORTED_TYPE"
        /// The request took too long to arrive.
        case timedOut = "TIMED_OUT"
        /// The data directory failed.
        case storage = "STORAGE"
    }

    let code: Code
    let reason: String

    init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    init(_ error: BrokerError) {
        switch error {
        case .notFound(let reason): self.init(.notFound, reason)
        case .notPossible(let reason): self.init(.notPossible, reason)
        case .invalidSettings(let reason): self.init(.invalidRequest, reason)
        case .cannotListen: self.init(.notPossible, "\(error)")
        case .storage(let reason): self.init(.storage, reason)
        }
    }

    var status: HTTPResponse.Status {
        switch code {
        case .invalidRequest: .badRequest
        case .notFound: .notFound
        case .notPossible: .conflict
        case .forbidden: .forbidden
        case .unsupportedType: .unsupportedMediaType
        case .timedOut: .requestTimeout
        case .storage: .internalServerError
        }
    }
}
