internal import KafkaClient

// `clusters.<name>.sasl`.
extension ClusterImport {
    mutating func sasl() -> [(key: String, value: String)] {
        let jaas = value("sasl.jaas.config")?.value ?? ""
        let module = LoginModule(jaas)
        if jaas.hasPrefix("${"), jaas.hasSuffix("}") { toDo("its user and password are in the value of \(jaas)") }
        let handlers = ["sasl.login.callback.handler.class", "sasl.client.callback.handler.class", "sasl.login.class"]
            .compactMap { value($0)?.value }
        switch mechanism(module, handlers) {
        case "AWS_MSK_IAM": return awsMSKIAM(module)
        case "OAUTHBEARER": return oauthBearer(module, handlers)
        case "GSSAPI":
            lost(
                "it is entered with Kerberos (GSSAPI), which this program does not know; give it another login there, "
                    + "SCRAM-SHA-512 is written in its place")
            ignore("sasl.kerberos.", "Kerberos is not known here")
            return password("SCRAM-SHA-512", LoginModule(""))
        case let mechanism:
            if let handler = handlers.first {
                lost(
                    "its password came from the class \(KnownSetting.className(handler)); here it is a text or a reference"
                )
            }
            if module.options["tokenauth"] == "true" {
                lost("it is entered with a delegation token, which this program does not know; use a user's password")
            }
            return password(mechanism, module)
        }
    }

    private mutating func mechanism(_ module: LoginModule, _ handlers: [String]) -> String {
        let known = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM", "GSSAPI"]
        let found = value("sasl.mechanism")
        if handlers.contains(where: { $0.hasSuffix("IAMOAuthBearerLoginCallbackHandler") }) { return "AWS_MSK_IAM" }
        if let found, !found.value.isEmpty {
            let mechanism = found.value.uppercased()
            if known.contains(mechanism) { return mechanism }
            lost("\(found.name) is no login that this program knows; SCRAM-SHA-512 is written in its place")
            return "SCRAM-SHA-512"
        }
        if module.isClass("ScramLoginModule") { return "SCRAM-SHA-512" }
        if module.isClass("PlainLoginModule") { return "PLAIN" }
        if module.isClass("OAuthBearerLoginModule") { return "OAUTHBEARER" }
        if module.isClass("IAMLoginModule") { return "AWS_MSK_IAM" }
        // Kafka's own default.
        return "GSSAPI"
    }

    private mutating func password(_ mechanism: String, _ module: LoginModule) -> [(key: String, value: String)] {
        let username = module.options["username"].map { text($0, "USERNAME") }
        return [
            ("sasl.mechanism", mechanism),
            ("sasl.username", username ?? variable("USERNAME", "the user to authenticate as")),
            ("sasl.password", secret(module.options["password"], "PASSWORD")),
        ]
    }

    private mutating func awsMSKIAM(_ module: LoginModule) -> [(key: String, value: String)] {
        let options = module.options
        var settings = [("sasl.mechanism", "AWS_MSK_IAM")]
        if let region = options["awsStsRegion"] { settings.append(("sasl.aws.region", text(region, "AWS_REGION"))) }
        if options["awsRoleAccessKeyId"] != nil || options["awsRoleSecretAccessKey"] != nil {
            settings += [
                ("sasl.aws.accessKeyId", secret(options["awsRoleAccessKeyId"], "AWS_ACCESS_KEY_ID")),
                ("sasl.aws.secretAccessKey", secret(options["awsRoleSecretAccessKey"], "AWS_SECRET_ACCESS_KEY")),
            ]
            if let token = options["awsRoleSessionToken"] {
                settings.append(("sasl.aws.sessionToken", secret(token, "AWS_SESSION_TOKEN")))
            }
            if options["awsProfileName"] != nil { differs("awsProfileName has no effect beside keys, and is left out") }
        } else if let profile = options["awsProfileName"] {
            settings.append(("sasl.aws.profile", text(profile, "AWS_PROFILE")))
        }
        guard let role = options["awsRoleArn"] else { return settings }
        guard role.contains("${") || role.hasPrefix("arn:") && role.contains(":role/") else {
            toDo("awsRoleArn is not the ARN of a role; set sasl.aws.roleArn")
            return settings
        }
        settings.append(("sasl.aws.roleArn", text(role, "AWS_ROLE_ARN")))
        if let session = options["awsRoleSessionName"] {
            settings.append(("sasl.aws.roleSessionName", text(session, "AWS_ROLE_SESSION_NAME")))
        }
        if let externalID = options["awsRoleExternalId"] {
            settings.append(("sasl.aws.externalId", secret(externalID, "AWS_EXTERNAL_ID")))
        }
        return settings
    }
}

// `clusters.<name>.sasl.oauth`: options of Kafka's own login module, of Strimzi's, and the settings that replaced them.
extension ClusterImport {
    private mutating func oauthBearer(
        _ module: LoginModule, _ handlers: [String]
    ) -> [(key: String, value: String)] {
        let options = module.options
        func isKnown(_ handler: String) -> Bool {
            handler.hasPrefix("org.apache.kafka.") || handler.hasPrefix("io.strimzi.kafka.oauth.")
        }
        if let handler = handlers.first(where: { !isKnown($0) }) {
            lost(
                "its tokens came from the class \(KnownSetting.className(handler)); here they come from tokenEndpoint or tokenFile"
            )
        }
        if options.keys.contains(where: { $0.hasPrefix("unsecuredLogin") }) {
            lost("its tokens were made up without a signature (unsecuredLogin…), which is for tests only")
        }
        if options.keys.contains(where: { $0.hasPrefix("oauth.password.grant") }) {
            lost("its tokens came from a user's password (oauth.password.grant…); here from a client's secret")
        }
        if properties.unused.contains(where: { $0.contains("sasl.oauthbearer.assertion.") }) {
            lost("its tokens came for a signed assertion (sasl.oauthbearer.assertion…); here for a client's secret")
        }
        let endpoint = value("sasl.oauthbearer.token.endpoint.url")?.value ?? options["oauth.token.endpoint.uri"] ?? ""
        var settings = [("sasl.mechanism", "OAUTHBEARER")]
        if endpoint.lowercased().hasPrefix("file:") {
            let path = endpoint.dropFirst("file:".count)
            settings.append(
                ("sasl.tokenFile", text(path.hasPrefix("//") ? String(path.dropFirst(2)) : String(path), "")))
        } else if endpoint.isEmpty, options["oauth.access.token"] != nil {
            toDo("write its token (oauth.access.token) to the file \(name)-token; secrets are not copied")
            settings.append(("sasl.tokenFile", YAMLText.quoted("\(name)-token")))
        } else {
            settings += clientCredentials(endpoint, options)
        }
        for (key, value) in options.sorted(by: { $0.key < $1.key }) where key.hasPrefix("extension_") {
            let name = String(key.dropFirst("extension_".count))
            if name.contains(".") || OAuthSettings.problem(withExtension: name, value: value) != nil {
                lost("the SASL extension \(name) cannot be sent by this program")
            } else {
                settings.append(("sasl.oauth.extensions.\(name)", text(value, "OAUTH_EXTENSION")))
            }
        }
        return settings
    }

    private mutating func clientCredentials(
        _ endpoint: String, _ options: [String: String]
    ) -> [(key: String, value: String)] {
        var settings = [("sasl.oauth.tokenEndpoint", tokenEndpoint(endpoint))]
        let setting = "sasl.oauthbearer.client.credentials.client"
        let id = value("\(setting).id")?.value ?? options["clientId"] ?? options["oauth.client.id"]
        settings.append(
            (
                "sasl.oauth.clientId",
                id.map { text($0, "OAUTH_CLIENT_ID") } ?? variable("OAUTH_CLIENT_ID", "the client to get tokens for")
            ))
        let secret = value("\(setting).secret")?.value ?? options["clientSecret"] ?? options["oauth.client.secret"]
        settings.append(("sasl.oauth.clientSecret", self.secret(secret, "OAUTH_CLIENT_SECRET")))
        let scope = value("sasl.oauthbearer.scope")?.value ?? options["scope"] ?? options["oauth.scope"]
        if let scope { settings.append(("sasl.oauth.scope", text(scope, "OAUTH_SCOPE"))) }
        if let trust = options["oauth.ssl.truststore.location"] ?? options["ssl.truststore.location"] {
            let isPEM = (options["oauth.ssl.truststore.type"] ?? options["ssl.truststore.type"])?.uppercased() == "PEM"
            if !isPEM {
                toDo(
                    "\(trust) is not PEM; write its certificates, whom to trust at the token endpoint, to \(trust).pem, "
                        + "with keytool -exportcert -rfc")
            }
            settings.append(("sasl.oauth.caFile", text(isPEM ? trust : trust + ".pem", "OAUTH_CA_FILE")))
        }
        if value("sasl.oauthbearer.header.urlencode")?.value.lowercased() == "true" {
            settings.append(("sasl.oauth.headerUrlencode", "true"))
        }
        return settings
    }

    private mutating func tokenEndpoint(_ text: String) -> String {
        if text.contains("${") { return self.text(text, "OAUTH_TOKEN_ENDPOINT") }
        // The text before the @ is a password.
        if text.contains("@") {
            return variable("OAUTH_TOKEN_ENDPOINT", "the address of its token endpoint, without user and password")
        }
        guard let address = HTTPAddress(text) else {
            toDo("its token endpoint is not an address; fill in sasl.oauth.tokenEndpoint")
            return YAMLText.quoted("https://\(name).example/token")
        }
        guard !address.usesTLS, !address.isLoopback else { return YAMLText.quoted(text) }
        toDo("its token endpoint was http, which would send the client's secret in the clear; https is written")
        return YAMLText.quoted("https" + text.drop { $0 != ":" })
    }
}
