import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The time as one cluster sees it, in milliseconds. Everything that depends on time reads it here, so that a test can
/// make the clock jump.
struct Clock {
    /// The difference of the wall clock from the machine's.
    var offset: Int64 = 0

    /// Since 1970: what goes into records and commits, and what retention, expiry and transactions are counted in.
    func wallTime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000 + offset
    }

    /// Time of a clock that never jumps, in which sessions and long polls are counted, as in Kafka.
    func steadyTime() -> Int64 {
        Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000)
    }
}
