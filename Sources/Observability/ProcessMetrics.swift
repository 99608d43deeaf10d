internal import FoundationEssentials
internal import Glibc

/// Prometheus' standard metrics of a process, read from `/proc` when they are asked for.
package struct ProcessMetrics: Equatable {
    package var cpuSeconds: Double
    package var residentBytes: Double
    package var virtualBytes: Double
    /// Seconds since 1970.
    package var startTime: Double

    /// - Parameters:
    ///   - stat: the text of `/proc/PID/stat`.
    ///   - bootTime: start of the machine, in seconds since 1970.
    /// - Returns: nil for a text that is none.
    package init?(stat: String, bootTime: Double, ticksPerSecond: Double, pageBytes: Double) {
        // The program's name is in parentheses, and may hold spaces and parentheses itself.
        guard let name = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: name)...].split { $0 == " " || $0 == "\n" }
        // Numbers of proc(5), of which the first two lie before.
        func field(_ number: Int) -> Double? { number - 3 < fields.count ? Double(fields[number - 3]) : nil }
        guard let user = field(14), let system = field(15), let start = field(22), let size = field(23),
            let pages = field(24)
        else { return nil }
        cpuSeconds = (user + system) / ticksPerSecond
        startTime = bootTime + start / ticksPerSecond
        virtualBytes = size
        residentBytes = pages * pageBytes
    }

    /// Metrics of this process; nil where the system does not tell.
    private static var current: ProcessMetrics? {
        guard let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            let machine = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let boot = machine.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let bootTime = Double(boot.dropFirst("btime ".count))
        else { return nil }
        return ProcessMetrics(
            stat: stat, bootTime: bootTime, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))),
            pageBytes: Double(sysconf(Int32(_SC_PAGESIZE))))
    }

    /// The directory that lists them is open itself meanwhile, and is not counted.
    private static var openDescriptors: Int? {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { max(0, $0.count - 1) }
    }

    private static var descriptorLimit: UInt? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return limit.rlim_cur
    }

    /// Writes the values that the system gives now. Others have no sample.
    static func update(_ registry: MetricsRegistry) {
        let now = current
        registry.set("process_cpu_seconds_total", to: now?.cpuSeconds)
        registry.set("process_resident_memory_bytes", to: now?.residentBytes)
        registry.set("process_virtual_memory_bytes", to: now?.virtualBytes)
        registry.set("process_start_time_seconds", to: now?.startTime)
        registry.set("process_open_fds", to: openDescriptors.map { Double($0) })
        registry.set("process_max_fds", to: descriptorLimit.map { Double($0) })
    }
}
