internal import FoundationEssentials

/// The reason why there are no credentials to show to a broker.
package enum CredentialFailure: Error, Hashable {
    /// The issuer of the credentials said no; asking again changes nothing until an operator acts.
    case refused(String)
    /// They cannot be had at the moment; asking again may help.
    case unavailable(String)

    var reason: KafkaError.Reason {
        switch self {
        case .refused(let why): .authentication(why)
        case .unavailable(let why): .credentialsUnavailable(why)
        }
    }

    /// The same, said of something.
    func prefixed(_ what: String) -> CredentialFailure {
        switch self {
        case .refused(let why): .refused("\(what): \(why)")
        case .unavailable(let why): .unavailable("\(what): \(why)")
        }
    }
}

extension String {
    /// A peer's words for an error: one line, printable, of a bearable length.
    var shortened: String {
        let printable = prefix(300).map { $0.isNewline ? " " : $0 }
            .filter { $0.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F } }
        return count > 300 ? String(printable) + "…" : String(printable)
    }

    /// The same without these secrets, should the peer have echoed them.
    func hiding(_ secrets: String...) -> String {
        secrets.reduce(self) { text, secret in
            secret.isEmpty ? text : text.replacing(secret, with: "•••")
        }
    }
}

/// Seconds since 1970, and how they are written.
enum WallTime {
    static var now: Double { Date().timeIntervalSince1970 }

    /// `2026-01-31T12:00:00Z`
    static func text(_ seconds: Double) -> String {
        // Beyond these years the formatter has nothing sensible to say, and tokens may claim anything.
        Date(timeIntervalSince1970: min(max(seconds, -6e10), 2.5e11)).formatted(.iso8601)
    }

    /// `20260131T120000Z`, as AWS writes times.
    static func compactText(_ seconds: Double) -> String {
        Date(timeIntervalSince1970: seconds).formatted(
            Date.ISO8601FormatStyle(
                dateSeparator: .omitted, dateTimeSeparator: .standard, timeSeparator: .omitted,
                timeZoneSeparator: .omitted, includingFractionalSeconds: false, timeZone: .gmt))
    }
}
