internal import Glibc

/// The time of this machine as logs have it, with milliseconds and the distance from UTC.
enum LocalTime {
    static var now: String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var parts = tm()
        guard localtime_r(&time.tv_sec, &parts) != nil else { return "-" }
        let milliseconds = String(time.tv_nsec / 1_000_000)
        return format("%Y-%m-%dT%H:%M:%S.", &parts) + String(repeating: "0", count: 3 - milliseconds.count)
            + milliseconds + format("%z", &parts)
    }

    private static func format(_ format: String, _ parts: inout tm) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            let count = strftime(buffer.baseAddress, buffer.count, format, &parts)
            return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
