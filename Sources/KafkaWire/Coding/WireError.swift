/// The reason why bytes could not be understood as the message they were said to be.
///
/// Positions are byte offsets from the start of the message's body.
public enum WireError: Error, Hashable, Sendable {
    /// The frame ended `needed` bytes before the field that `at` is in.
    case truncated(at: Int, needed: Int)
    /// A length or count that cannot be true: negative, longer than its type allows, or more than the frame can hold.
    case invalidLength(at: Int, length: Int)
    /// Null where the protocol version does not allow it.
    case unexpectedNull(at: Int)
    /// A string that is not UTF-8.
    case invalidString(at: Int)
    /// A variable-length integer longer than its type.
    case invalidVarint(at: Int)
    /// Tagged fields out of order or repeated, or a tag's value of another size than announced.
    case invalidTag(at: Int)
    /// The message ended before its frame did.
    case trailingBytes(at: Int, count: Int)
    /// A version that this message is not defined in.
    case unsupportedVersion(api: ApiKey, version: Int16)
    /// A frame that announces more bytes than `limit`.
    case frameTooLarge(announced: Int, limit: Int)
    /// A value too long for the wire type that carries it.
    case tooLong(length: Int, limit: Int)
    /// A record batch that breaks its own format; `reason` says how.
    case invalidRecords(reason: String)
}

extension WireError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated(let at, let needed): "message ends at byte \(at), \(needed) more bytes were expected"
        case .invalidLength(let at, let length): "impossible length \(length) at byte \(at)"
        case .unexpectedNull(let at): "null at byte \(at), where this version requires a value"
        case .invalidString(let at): "string at byte \(at) is not UTF-8"
        case .invalidVarint(let at): "variable-length integer at byte \(at) does not end"
        case .invalidTag(let at): "malformed tagged field at byte \(at)"
        case .trailingBytes(let at, let count): "\(count) bytes left over at byte \(at)"
        case .unsupportedVersion(let api, let version): "\(api) version \(version) is not supported"
        case .frameTooLarge(let announced, let limit):
            Self.otherProtocol(announced) ?? "frame of \(announced) bytes exceeds the limit of \(limit)"
        case .tooLong(let length, let limit): "value of \(length) bytes exceeds the \(limit) that the field can carry"
        case .invalidRecords(let reason): "malformed record batch: \(reason)"
        }
    }

    /// The protocol whose first four bytes are taken for the length of a frame.
    private static func otherProtocol(_ length: Int) -> String? {
        switch UInt32(truncatingIfNeeded: length) {
        // "HTTP"
        case 0x4854_5450: "an answer of HTTP: a web server listens there"
        // "GET ", "POST", "PUT ", "HEAD"
        case 0x4745_5420, 0x504F_5354, 0x5055_5420, 0x4845_4144: "a request of HTTP"
        // Content type, version, and the first half of a length.
        case 0x1503_0000...0x1503_04FF: "an alert of TLS: the listener speaks TLS, and was spoken to without"
        case 0x1603_0000...0x1603_04FF: "a handshake of TLS, where none is spoken"
        // "SSH-"
        case 0x5353_482D: "a greeting of SSH"
        default: nil
        }
    }
}
