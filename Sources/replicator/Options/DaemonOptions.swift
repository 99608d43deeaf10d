internal import ArgumentParser
internal import FoundationEssentials
internal import KafkaClient
internal import ReplicatorConfig
internal import ReplicatorDaemon

/// Address of the daemon that a command talks to, and who the command is there.
struct DaemonOptions: ParsableArguments {
    /// Variables of the environment: passwords do not belong on a command line, which others can see.
    static let passwordVariable = "REPLICATOR_HTTP_PASSWORD"
    static let tokenVariable = "REPLICATOR_HTTP_TOKEN"

    @Option(
        name: .long,
        help: ArgumentHelp("Address of the running replicator; else http.listen of --config.", valueName: "URL"))
    var url: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The configuration file; replicator.yaml unless --url is given. Its http section has the credentials.",
            valueName: "FILE"), completion: NameCompletion.configurationFile)
    var config: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The user name, with the password of REPLICATOR_HTTP_PASSWORD or of the configuration; else its "
                + "first user, or the token of REPLICATOR_HTTP_TOKEN.",
            valueName: "NAME"))
    var user: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Authorities to trust if the address is https, as PEM; else the configuration's own certificate, or the "
                + "system's authorities.",
            valueName: "FILE"))
    var caFile: String?

    /// - Throws: ``Failure`` when no address is known, or no password of the user.
    func client() throws -> DaemonClient {
        let path = config ?? (url == nil ? "replicator.yaml" : nil)
        let file = try path.map { path throws(Failure) in
            do throws(InvalidConfiguration) {
                return try ConfigFile.load(path, identity: .replicator)
            } catch {
                throw Failure(error)
            }
        }
        let access = file?.httpAccess ?? HTTPAccessSettings()
        let authorization = try authorization(access.authentication)
        if let url {
            let (address, scheme) = try Self.parse(url)
            let usesTLS = scheme.map { $0 == "https" } ?? (access.tls != nil)
            return DaemonClient(
                address: address, trust: usesTLS ? trust(access.tls) : nil, authorization: authorization)
        }
        guard var address = file?.http else {
            throw Failure(
                "\(path ?? "the configuration") has no http.listen: add it, or name the address with --url",
                exitCode: .usage)
        }
        // Listening everywhere includes here.
        if HTTPListener.isWildcard(address.host) {
            address.host = address.host.contains(":") ? "::1" : "127.0.0.1"
        }
        return DaemonClient(
            address: address, trust: access.tls == nil ? nil : trust(access.tls), authorization: authorization)
    }

    private static func parse(_ url: String) throws(Failure) -> (HostAndPort, scheme: String?) {
        var rest = url[...]
        var scheme: String?
        for known in ["http", "https"] where rest.hasPrefix("\(known)://") {
            rest.removeFirst("\(known)://".count)
            scheme = known
            break
        }
        while rest.hasSuffix("/") { rest.removeLast() }
        guard let address = HostAndPort(String(rest)) else {
            throw Failure("--url takes http://HOST:PORT or https://HOST:PORT, not \"\(url)\"", exitCode: .usage)
        }
        return (address, scheme)
    }

    private func trust(_ tls: HTTPAccessSettings.TLS?) -> ServerTrust {
        if let caFile { return .authorities(file: caFile, setting: "--ca-file") }
        return tls.map { ServerTrust($0) } ?? .system
    }

    /// The value of `Authorization`; nil when nothing says who the command is.
    private func authorization(_ authentication: HTTPAccessSettings.Authentication?) throws(Failure) -> String? {
        let environment = ProcessInfo.processInfo.environment
        if user == nil, let token = environment[Self.tokenVariable] { return HTTPLogin.bearer(token) }
        let users = authentication?.users ?? [:]
        guard let name = user ?? users.keys.min() else { return nil }
        let password: String
        if let given = environment[Self.passwordVariable] {
            password = given
        } else if let secret = users[name] {
            do { password = try secret.reveal() } catch {
                throw Failure(
                    "http.authentication.users.\(name): \(error); \(Self.passwordVariable) may hold the password",
                    exitCode: .usage)
            }
        } else {
            throw Failure(
                "there is no password for --user \(name): put it into \(Self.passwordVariable), or name a configuration "
                    + "that has this user in http.authentication.users", exitCode: .usage)
        }
        return HTTPLogin.basic(name, password)
    }
}
