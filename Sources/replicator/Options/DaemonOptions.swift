internal import ArgumentParser
internal import KafkaClient
internal import ReplicatorConfig

/// Address of the daemon that a command talks to.
struct DaemonOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("Address of the running replicator; else http.listen of --config.", valueName: "URL"))
    var url: String?

    @Option(name: .long, help: ArgumentHelp("The configuration file.", valueName: "FILE"))
    var config = "replicator.yaml"

    /// - Throws: ``Failure`` when no address is known.
    func client() throws -> DaemonClient {
        if let url {
            var rest = url[...]
            if rest.hasPrefix("http://") { rest.removeFirst("http://".count) }
            while rest.hasSuffix("/") { rest.removeLast() }
            guard let address = HostAndPort(String(rest)) else {
                throw Failure("--url takes http://HOST:PORT, not \"\(url)\"", exitCode: .usage)
            }
            return DaemonClient(address: address)
        }
        let file: ConfigFile
        do {
            file = try ConfigFile.load(config, identity: .replicator)
        } catch {
            throw Failure(error)
        }
        guard var address = file.http else {
            throw Failure("\(config) has no http.listen: add it, or name the address with --url", exitCode: .usage)
        }
        // Listening everywhere includes here.
        if address.host == "0.0.0.0" || address.host == "::" {
            address.host = address.host == "::" ? "::1" : "127.0.0.1"
        }
        return DaemonClient(address: address)
    }
}
