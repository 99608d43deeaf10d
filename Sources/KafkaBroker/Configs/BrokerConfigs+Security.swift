extension BrokerConfigs {
    /// The keys of listeners, TLS, SASL, authorization and quotas. Those of TLS and SASL may also be set for one listener
    /// (`listener.name.<name>.<key>`). Kafka reads those of listeners, TLS and SASL again as it runs; here they are read at
    /// the start.
    static let security: [BrokerConfigDefinition] = [
        key(
            "allow.everyone.if.no.acl.found", .boolean, "false", .any,
            "Access of all principals to resources without ACLs."),
        key(
            "advertised.listeners", .string, nil, .any,
            "Addresses told to clients in place of the listeners' own.", scope: .atStart),
        key("authorizer.class.name", .string, "", .any, "Kafka's standard authorizer, or empty for none."),
        key(
            "connection.failed.authentication.delay.ms", .int, "100", .atLeast(0),
            "Delay of the answer to a failed authentication, and of the end of its connection."),
        key(
            "connections.max.idle.ms", .long, "600000", .atLeast(1),
            "Longest silence of a connection. Authentication must be complete within 30 seconds."),
        key(
            "connections.max.reauth.ms", .long, "0", .any,
            "Time after which a client has to authenticate its SASL session again; 0 for no limit."),
        key(
            "listener.security.protocol.map", .string,
            "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL", .any,
            "The protocol of each listener name.", scope: .atStart),
        key(
            "listeners", .string, nil, .any, "NAME://HOST:PORT of each listener; nodes take ports that follow.",
            scope: .atStart),
        key("quota.window.num", .int, "11", .atLeast(1), "Number of samples over which a client's rate is taken."),
        key("quota.window.size.seconds", .int, "1", .atLeast(1), "The length of a sample of a client's rate."),
        key("sasl.enabled.mechanisms", .list, "", .any, "The SASL mechanisms offered.", scope: .atStart),
        key(
            "sasl.jaas.config", .password, nil, .any, "Login modules with the users known from the start.",
            scope: .atStart),
        key(
            "sasl.oauthbearer.clock.skew.seconds", .int, "30", .atLeast(0),
            "Greatest difference to the clocks of issuers."),
        key("sasl.oauthbearer.expected.audience", .list, nil, .any, "The audiences of which a token must name one."),
        key("sasl.oauthbearer.expected.issuer", .string, nil, .any, "The issuer that a token must name."),
        key(
            "sasl.oauthbearer.jwks.endpoint.url", .string, nil, .any,
            "file:PATH of the JSON Web Key Set that tokens are signed by; without it tokens are unsecured."),
        key("sasl.oauthbearer.scope.claim.name", .string, "scope", .any, "The claim that holds a token's scopes."),
        key("sasl.oauthbearer.sub.claim.name", .string, "sub", .any, "The claim that holds a token's principal."),
        key(
            "sasl.server.max.receive.size", .int, "65536", .atLeast(1),
            "The largest request before authentication. Kafka's own default is 524288."),
        key(
            "ssl.client.auth", .string, "none", .any, "Certificates of clients: none, requested, required.",
            scope: .atStart),
        key("ssl.enabled.protocols", .list, "TLSv1.2,TLSv1.3", .any, "The versions of TLS.", scope: .atStart),
        key("ssl.key.password", .password, nil, .any, "The password of a private key in PEM.", scope: .atStart),
        key(
            "ssl.keystore.certificate.chain", .string, nil, .any, "The certificates to show, as PEM text.",
            scope: .atStart),
        key("ssl.keystore.key", .password, nil, .any, "The private key, as PEM text.", scope: .atStart),
        key(
            "ssl.keystore.location", .string, nil, .any, "A PEM or PKCS#12 file with certificates and key.",
            scope: .atStart),
        key("ssl.keystore.password", .password, nil, .any, "The key store's password.", scope: .atStart),
        key("ssl.keystore.type", .string, nil, .any, "PEM or PKCS12; without it the contents tell.", scope: .atStart),
        key(
            "ssl.principal.mapping.rules", .string, "DEFAULT", .any,
            "Rules that turn a certificate's name into a user's."),
        key(
            "ssl.truststore.certificates", .string, nil, .any, "Roots for client certificates, as PEM text.",
            scope: .atStart),
        key(
            "ssl.truststore.location", .string, nil, .any, "A PEM or PKCS#12 file with roots for client certificates.",
            scope: .atStart),
        key("ssl.truststore.password", .password, nil, .any, "The trust store's password.", scope: .atStart),
        key("ssl.truststore.type", .string, nil, .any, "PEM or PKCS12; without it the contents tell.", scope: .atStart),
        key("super.users", .string, "", .any, "Principals that may do everything, separated by semicolons."),
    ]
}
