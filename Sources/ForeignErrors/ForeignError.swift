internal import FoundationEssentials
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Errors of the system and of libraries, in words: what they print themselves is made for their developers.
package enum ForeignError {
    /// The reason in a few words, to follow a colon. Errors of our own say it themselves.
    package static func words(_ error: any Error) -> String {
        switch error {
        case let error as IOError: words(errno: error.errnoCode)
        case let error as ChannelError: words(error)
        case let error as NIOConnectionError: words(error)
        case let error as SocketAddressError: words(error)
        case let error as SocketAddressError.UnknownHost: lowercased(error.errorDescription)
        case let error as NIOSSLError: words(error)
        case let error as BoringSSLError: words(error)
        case let error as NIOSSLExtraError: detail("\(error)") ?? "TLS is not possible with this host name"
        case let error as DecodingError: words(error)
        case let error as CocoaError: words(error)
        case is CancellationError: "cancelled"
        default: "\(error)"
        }
    }

    /// The system's words for one of its error numbers.
    package static func words(errno: CInt) -> String {
        lowercased(String(cString: strerror(errno)))
    }

    /// The form that follows a colon.
    private static func lowercased(_ text: String) -> String { text.prefix(1).lowercased() + text.dropFirst() }

    private static func words(_ error: ChannelError) -> String {
        switch error {
        case .connectTimeout(let amount): "no connection within \(Double(amount.nanoseconds) / 1e9) s"
        case .ioOnClosedChannel, .alreadyClosed, .eof, .inputClosed, .outputClosed: "the connection was closed"
        default: "the connection failed"
        }
    }

    /// Several addresses may have been tried; the last attempt speaks for them.
    private static func words(_ error: NIOConnectionError) -> String {
        if let attempt = error.connectionErrors.last { return words(attempt.error) }
        let lookup = error.dnsAError ?? error.dnsAAAAError
        return "host name \"\(error.host)\" cannot be resolved" + (lookup.map { " (\(words($0)))" } ?? "")
    }

    private static func words(_ error: SocketAddressError) -> String {
        switch error {
        case .unsupported: "this kind of address is not supported"
        case .unixDomainSocketPathTooLong: "the path of the socket is too long"
        case .failedToParseIPString(let text): "\"\(text)\" is no IP address"
        // The one for unknown hosts, which is not made any more.
        default: "it has no address"
        }
    }

    private static func words(_ error: DecodingError) -> String {
        func place(_ context: DecodingError.Context, _ last: (any CodingKey)? = nil) -> String {
            (context.codingPath + [last].compactMap(\.self)).map { key in
                key.intValue.map { "\($0)" } ?? key.stringValue
            }.joined(separator: ".")
        }
        return switch error {
        case .keyNotFound(let key, let context): "there is no field \(place(context, key))"
        case .valueNotFound(_, let context): "field \(place(context)) is null"
        case .typeMismatch(let type, let context): "field \(place(context)) is no \(type)"
        case .dataCorrupted(let context) where context.codingPath.isEmpty: "it is no JSON"
        case .dataCorrupted(let context): "field \(place(context)) cannot be read"
        @unknown default: "it cannot be read"
        }
    }

    private static func words(_ error: CocoaError) -> String {
        switch error.code {
        case .fileNoSuchFile, .fileReadNoSuchFile: "no such file"
        case .fileReadNoPermission, .fileWriteNoPermission: "permission denied"
        case .fileWriteOutOfSpace: "no space is left"
        case .fileReadInapplicableStringEncoding, .fileReadCorruptFile: "it is not UTF-8 text"
        default: "input/output error"
        }
    }

    /// The part behind the colon.
    private static func detail(_ text: String) -> String? {
        text.firstRange(of: ": ").map { String(text[$0.upperBound...]) }
    }
}
