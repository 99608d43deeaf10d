internal import Glibc

/// A moment as logs have it: with milliseconds, and in text with this machine's distance from UTC.
package struct LocalTime: Sendable, Hashable {
    private var seconds: Int
    private var milliseconds: Int

    /// - Parameter milliseconds: since 1970.
    package init(milliseconds: Int) {
        seconds = Int((Double(milliseconds) / 1_000).rounded(.down))
        self.milliseconds = milliseconds - seconds * 1_000
    }

    package static var now: LocalTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return LocalTime(milliseconds: time.tv_sec * 1_000 + time.tv_nsec / 1_000_000)
    }

    /// `2026-11-30T02:12:21.123+01:00`.
    package var text: String {
        var time = seconds
        var parts = tm()
        guard localtime_r(&time, &parts) != nil else { return "-" }
        let zone = Self.format("%z", &parts)
        return Self.format("%Y-%m-%dT%H:%M:%S.", &parts) + fraction + zone.dropLast(2) + ":" + zone.suffix(2)
    }

    /// `2026-11-30T01:12:21.123Z`.
    package var utc: String {
        var time = seconds
        var parts = tm()
        guard gmtime_r(&time, &parts) != nil else { return "-" }
        return Self.format("%Y-%m-%dT%H:%M:%S.", &parts) + fraction + "Z"
    }

    private var fraction: String { String("\(1_000 + milliseconds)".dropFirst()) }

    private static func format(_ format: String, _ parts: inout tm) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            let count = strftime(buffer.baseAddress, buffer.count, format, &parts)
            return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
