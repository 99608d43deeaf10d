/// Strimzi's resource `KafkaMirrorMaker2`, in the terms of `mm2.properties`: as `v1beta2` has it (`spec.clusters`) and
/// as `v1` does (`spec.target`, and a source in each mirror).
enum StrimziImport {
    static func add(_ resource: ImportedTree, to reader: inout ConnectorImport) throws(ImportFailure) {
        guard let spec = resource["spec"] else { throw ImportFailure("the resource has no spec") }
        reader.origin = "MirrorMaker 2 on Strimzi"
        for cluster in spec["clusters"]?.elements ?? [] { add(cluster: cluster, to: &reader) }
        if let target = spec["target"] { add(cluster: target, to: &reader) }
        for mirror in spec["mirrors"]?.elements ?? [] {
            if let source = mirror["source"] { add(cluster: source, to: &reader) }
            let source = mirror["sourceCluster"]?.text ?? mirror["source"]?["alias"]?.text
            let target = mirror["targetCluster"]?.text ?? spec["target"]?["alias"]?.text ?? spec["connectCluster"]?.text
            guard let source, let target, source != target else {
                throw ImportFailure("a mirror names no source or no target, or both are the same cluster")
            }
            guard mirror["sourceConnector"] != nil else {
                reader.remarks.append(.needless("\(source)->\(target): without a sourceConnector nothing was copied"))
                continue
            }
            add(mirror, from: source, to: target, &reader)
        }
        if spec["rack"] != nil || spec["clientRackInitImage"] != nil {
            reader.remarks.append(.toDo("spec.rack took the rack from the node; set rack of the source cluster"))
        }
    }

    /// `KafkaMirrorMaker`, which was MirrorMaker 1: names stay as they are, and records are all that is copied.
    static func addFirst(_ resource: ImportedTree, to reader: inout ConnectorImport) {
        let spec = resource["spec"]
        reader.origin = "MirrorMaker 1 on Strimzi"
        for (side, alias) in [("consumer", "source"), ("producer", "target")] {
            var cluster = spec?[side]?.members ?? [:]
            cluster["alias"] = .text(alias)
            let config = cluster.removeValue(forKey: "config")?.texts ?? [:]
            cluster["config"] = .mapping(
                Dictionary(uniqueKeysWithValues: config.map { ("\(side).\($0.key)", .text($0.value)) }))
            add(cluster: .mapping(cluster), to: &reader)
        }
        let route = reader.addRoute(from: "source", to: "target", alias: "", name: nil)
        let topics = spec?["include"]?.text ?? spec?["whitelist"]?.text ?? ""
        reader.set(route.prefix + "topics", topics, name: "include")
        reader.set(route.prefix + "replication.policy.separator", "", name: "include")
        for key in ["sync.topic.configs.enabled", "sync.topic.acls.enabled"] {
            reader.set(route.prefix + key, "false", name: "include")
        }
    }

    private static func add(
        _ mirror: ImportedTree, from source: String, to target: String, _ reader: inout ConnectorImport
    ) {
        let main = mirror["sourceConnector"]?["config"]?.texts ?? [:]
        let alias = main["source.cluster.alias"]?.trimmed ?? source
        let route = reader.addRoute(from: source, to: target, alias: alias, name: nil)
        reader.add(main, of: route, isMain: true)
        reader.add(mirror["checkpointConnector"]?["config"]?.texts ?? [:], of: route, isMain: false)
        let patterns = [
            "topicsPattern": "topics", "topicsExcludePattern": "topics.exclude",
            "topicsBlacklistPattern": "topics.exclude", "groupsPattern": "groups",
            "groupsExcludePattern": "groups.exclude", "groupsBlacklistPattern": "groups.exclude",
        ]
        for (key, name) in patterns {
            if let text = mirror[key]?.text { reader.set(route.prefix + name, text, name: key) }
        }
        let state = mirror["sourceConnector"]?["state"]?.text ?? ""
        if mirror["sourceConnector"]?["pause"]?.text == "true" || ["paused", "stopped"].contains(state) {
            reader.remarks.append(
                .toDo("\(source)->\(target): it was paused; a flow of this program runs once it is started"))
        }
    }

    private static func add(cluster: ImportedTree, to reader: inout ConnectorImport) {
        guard let alias = cluster["alias"]?.text else { return }
        func set(_ key: String, _ value: String, _ name: String) { reader.set("\(alias).\(key)", value, name: name) }
        for (key, value) in cluster["config"]?.texts ?? [:] { set(key, value, key) }
        if let servers = cluster["bootstrapServers"]?.text { set("bootstrap.servers", servers, "bootstrapServers") }
        let tls = cluster["tls"]
        if tls != nil { trust(tls?["trustedCertificates"], set) }
        let login = cluster["authentication"]
        let type = login?["type"]?.text
        let isCustom = type == "custom"
        let usesSASL = isCustom ? login?["sasl"]?.text == "true" : type != nil && type != "tls"
        // A custom login may say so itself.
        for (key, value) in login?["config"]?.texts ?? [:] where isCustom {
            set(key, value, "authentication.config.\(key)")
        }
        let isTLS = tls != nil || type == "tls"
        if reader.properties.entries["\(alias).security.protocol"] == nil {
            let security = usesSASL ? (isTLS ? "SASL_SSL" : "SASL_PLAINTEXT") : isTLS ? "SSL" : "PLAINTEXT"
            set("security.protocol", security, "tls and authentication")
        }
        guard let login, let type, !isCustom else { return }
        for key in login.members.keys.sorted() where !known.contains(key) {
            reader.remarks.append(.lost("cluster \(alias): authentication.\(key) has no equivalent"))
        }
        identify(login, type, set)
    }

    private static let known: Set = [
        "type", "username", "passwordSecret", "certificateAndKey", "clientId", "clientSecret", "tokenEndpointUri",
        "scope", "accessToken", "connectTimeoutSeconds", "readTimeoutSeconds", "httpRetries", "enableMetrics",
        "maxTokenExpirySeconds", "accessTokenIsJwt", "includeAcceptHeader",
    ]

    private typealias Setter = (_ key: String, _ value: String, _ name: String) -> Void

    private static func trust(_ certificates: ImportedTree?, _ set: Setter) {
        let references = (certificates?.elements ?? []).map { certificate in
            reference(certificate, certificate["certificate"]?.text ?? certificate["pattern"]?.text ?? "*.crt")
        }
        guard !references.isEmpty else { return }
        set("ssl.truststore.type", "PEM", "tls")
        set("ssl.truststore.certificates", references.joined(), "tls.trustedCertificates")
    }

    /// A key of a Kubernetes secret, as Strimzi's config provider refers to it.
    private static func reference(_ secret: ImportedTree?, _ key: String) -> String {
        "${secrets:\(secret?["secretName"]?.text ?? "SECRET"):\(key)}"
    }

    private static func identify(_ login: ImportedTree, _ type: String, _ set: Setter) {
        let name = "authentication"
        func setLogin(_ mechanism: String, _ module: String, _ options: [(String, String)]) {
            let texts = options.map {
                "\($0.0)=\"\($0.1.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
            }
            set("sasl.mechanism", mechanism, name)
            set(
                "sasl.jaas.config",
                "org.apache.kafka.common.security.\(module) required \(texts.joined(separator: " "));", name)
        }
        let password = login["passwordSecret"]
        let user = [
            ("username", login["username"]?.text ?? ""),
            ("password", reference(password, password?["password"]?.text ?? "password")),
        ]
        switch type {
        case "scram-sha-512": setLogin("SCRAM-SHA-512", "scram.ScramLoginModule", user)
        case "scram-sha-256": setLogin("SCRAM-SHA-256", "scram.ScramLoginModule", user)
        case "plain": setLogin("PLAIN", "plain.PlainLoginModule", user)
        case "tls":
            let pair = login["certificateAndKey"]
            set(
                "ssl.keystore.certificate.chain", reference(pair, pair?["certificate"]?.text ?? "user.crt"),
                "\(name).certificateAndKey")
            set("ssl.keystore.key", reference(pair, pair?["key"]?.text ?? "user.key"), "\(name).certificateAndKey")
        case "oauth":
            var options = [("oauth.token.endpoint.uri", login["tokenEndpointUri"]?.text ?? "")]
            if let id = login["clientId"]?.text { options.append(("oauth.client.id", id)) }
            if let scope = login["scope"]?.text { options.append(("oauth.scope", scope)) }
            if let secret = login["clientSecret"] {
                options.append(("oauth.client.secret", reference(secret, secret["key"]?.text ?? "secret")))
            }
            if login["accessToken"] != nil { options.append(("oauth.access.token", "reference")) }
            if login["passwordSecret"] != nil { options.append(("oauth.password.grant.username", "reference")) }
            setLogin("OAUTHBEARER", "oauthbearer.OAuthBearerLoginModule", options)
        default: set("sasl.mechanism", type, "\(name).type")
        }
    }
}
