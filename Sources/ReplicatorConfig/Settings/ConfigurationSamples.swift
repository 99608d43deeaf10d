/// Configurations in which every key that there is occurs, or is asked for, at least once.
enum ConfigurationSamples {
    static let all = [complete, passwords, tokenFile, keyStore]

    private static let complete = """
        clusters:
          a:
            bootstrapServers: ["a:9092"]
            securityProtocol: SASL_SSL
            sasl:
              mechanism: OAUTHBEARER
              oauth: {tokenEndpoint: "https://a/token", clientId: a, clientSecret: b, extensions: {name: value}}
            tls: {certificateFile: a.pem, keyFile: a.key, keyPassword: b}
          b:
            bootstrapServers: ["b:9092"]
            securityProtocol: SASL_SSL
            sasl:
              mechanism: AWS_MSK_IAM
              aws: {accessKeyId: a, secretAccessKey: b, roleArn: "arn:aws:iam::1:role/a"}
        flows:
          - name: a-to-b
            source: a
            target: b
            topics: {allow: [a]}
            consumerGroups: {rename: {prefix: a}}
            sync: {deleteTopics: {after: 1h}, aclMode: full, principals: {"User:a": "User:b"}}
          - name: a-to-b-too
            source: a
            target: b
            topics: {allow: [b]}
            naming: {mode: prefix}
            sync: {deleteTopics: never}
        http:
          listen: "127.0.0.1:9644"
          authentication: {users: {a: b}, tokens: {a: b}}
          tls: {certificateFile: a.pem}
        """

    private static let passwords = """
        clusters:
          a: {bootstrapServers: ["a:9092"], securityProtocol: SASL_SSL, sasl: {mechanism: PLAIN, username: a, password: b}}
        flows: []
        """

    private static let tokenFile = """
        clusters:
          a:
            bootstrapServers: ["a:9092"]
            securityProtocol: SASL_SSL
            sasl: {mechanism: OAUTHBEARER, tokenFile: a, oauth: {extensions: {name: value}}}
        flows: []
        """

    private static let keyStore = """
        clusters:
          a:
            bootstrapServers: ["a:9092"]
            securityProtocol: SSL
            tls: {keystoreFile: a.p12, keystorePassword: b}
        flows: []
        """
}
