// `clusters.<name>.tls`.
extension ClusterImport {
    private enum StoreKind: String {
        case pem = "PEM"
        case pkcs12 = "PKCS12"
        case java = "JKS"
    }

    mutating func tls() -> [(key: String, value: String)] {
        var settings = trust() + identity()
        if let algorithm = value("ssl.endpoint.identification.algorithm"), algorithm.value.isEmpty {
            settings.append(("tls.verification", "chainOnly"))
            differs("host names were not verified, and are not with tls.verification: chainOnly")
        }
        if let factory = value("ssl.engine.factory.class"), !factory.value.hasSuffix(".DefaultSslEngineFactory") {
            lost("its TLS was made by the class \(KnownSetting.className(factory.value))")
        }
        return settings
    }

    private mutating func trust() -> [(key: String, value: String)] {
        let type = value("ssl.truststore.type")?.value
        _ = value("ssl.truststore.password")
        if let certificates = value("ssl.truststore.certificates") {
            return [("tls.caFile", file(certificates, "ca"))]
        }
        guard let location = value("ssl.truststore.location")?.value, !location.isEmpty else { return [] }
        let kind = kind(type, location)
        if kind == .pem { return [("tls.caFile", text(location, "CA_FILE"))] }
        toDo(
            "\(location) is a \(kind.rawValue) trust store; write its certificates to \(location).pem, "
                + "with keytool -exportcert -rfc")
        return [("tls.caFile", text(location + ".pem", "CA_FILE"))]
    }

    private mutating func identity() -> [(key: String, value: String)] {
        let type = value("ssl.keystore.type")?.value
        let storePassword = value("ssl.keystore.password")?.value
        let keyPassword = value("ssl.key.password")
        if let key = value("ssl.keystore.key") {
            let chain = value("ssl.keystore.certificate.chain")
            var settings = [
                ("tls.certificateFile", file(chain ?? key, chain == nil ? "key" : "certificate")),
                ("tls.keyFile", file(key, "key")),
            ]
            if let keyPassword { settings.append(("tls.keyPassword", secret(keyPassword.value, "KEY_PASSWORD"))) }
            return settings
        }
        guard let location = value("ssl.keystore.location")?.value, !location.isEmpty else { return [] }
        let kind = kind(type, location)
        switch kind {
        case .pem:
            var settings = [("tls.certificateFile", text(location, "CERTIFICATE_FILE"))]
            if let keyPassword { settings.append(("tls.keyPassword", secret(keyPassword.value, "KEY_PASSWORD"))) }
            return settings
        case .pkcs12:
            if let keyPassword, keyPassword.value != storePassword {
                differs(
                    "\(keyPassword.name): the key in a PKCS12 store has the store's password here; if \(location) is "
                        + "refused, make another with one password (keytool -importkeystore -srckeypass …)")
            }
            return [
                ("tls.keystoreFile", text(location, "KEYSTORE_FILE")),
                ("tls.keystorePassword", secret(storePassword, "KEYSTORE_PASSWORD")),
            ]
        case .java:
            let own = keyPassword.map {
                $0.value == storePassword
                    ? "" : "; its key has a password of its own (\($0.name)): give it as -srckeypass"
            }
            toDo(
                "\(location) is a \(kind.rawValue) key store; convert it to \(location).p12 with "
                    + "keytool -importkeystore -deststoretype PKCS12\(own ?? "")")
            return [
                ("tls.keystoreFile", text(location + ".p12", "KEYSTORE_FILE")),
                ("tls.keystorePassword", secret(storePassword, "KEYSTORE_PASSWORD")),
            ]
        }
    }

    /// Java reads PKCS12 under the name of JKS too: where no type is given, the file's name tells more.
    private func kind(_ type: String?, _ location: String) -> StoreKind {
        switch type?.uppercased() {
        case "PEM": return .pem
        case "PKCS12": return .pkcs12
        case "JKS": return .java
        default:
            let name = location.lowercased()
            if [".p12", ".pfx", ".pkcs12"].contains(where: { name.hasSuffix($0) }) { return .pkcs12 }
            if [".pem", ".crt", ".cer"].contains(where: { name.hasSuffix($0) }) { return .pem }
            return .java
        }
    }
}
