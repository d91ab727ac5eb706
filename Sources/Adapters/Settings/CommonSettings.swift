import GroupModel
package import IKEVocabulary

/// Certificates of one process for its links within gcks.
package struct TLSFiles: Hashable, Sendable {
    package let authority: String
    package let certificate: String
    package let key: String
    package let trustDomain: String

    package init(authority: String, certificate: String, key: String, trustDomain: String) {
        self.authority = authority
        self.certificate = certificate
        self.key = key
        self.trustDomain = trustDomain
    }
}

/// An authority as others reach it: "host:port" or "unix:/path".
package struct AuthorityAddress: Hashable, Sendable {
    package let name: String
    package let address: String

    package init(name: String, address: String) {
        self.name = name
        self.address = address
    }
}

extension Section {
    /// - Parameter looksAtKey: false for files of a cluster that is not spoken to now.
    func tls(_ key: String = "tls", looksAtKey: Bool = true) -> TLSFiles? {
        guard let section = section(key) else { return nil }
        defer { section.finish() }
        let authority = section.required("ca", "a PEM file", Forms.text)
        let certificate = section.required("certificate", "a PEM file, leaf first", Forms.text)
        let keyFile = section.required("key", "a PEM file of mode 0600", Forms.text)
        let domain = section.value("trust_domain", Forms.text, default: "gcks", Forms.text)
        guard let authority, let certificate, let keyFile else { return nil }
        if looksAtKey, let fault = SecretFile.fault(keyFile) {
            section.file.fault(section.line(of: "key"), section.place("key"), fault)
        }
        return TLSFiles(authority: authority, certificate: certificate, key: keyFile, trustDomain: domain)
    }

    func authorities() -> [AuthorityAddress] {
        let found = sections("authorities").compactMap { section -> AuthorityAddress? in
            defer { section.finish() }
            let name = section.required("name", Forms.name, Forms.name)
            let address = section.required("address", "HOST:PORT or unix:/PATH", Forms.text)
            guard let name, let address else { return nil }
            return AuthorityAddress(name: name, address: address)
        }
        if found.isEmpty { file.fault(line(of: "authorities"), place("authorities"), "no authority", "at least one") }
        return found
    }

    func logLevel() -> Event.Level {
        value("log_level", "debug, info, notice, warning, error", default: .info) { Event.Level(rawValue: $0) }
    }

    /// The lists of an IKE policy; what is missing has the built-in lists.
    func ikeProposals() -> IKEProposalSettings {
        var result = IKEProposalSettings()
        guard let section = section("proposals") else { return result }
        defer { section.finish() }
        if let suites = section.list("encryption", Forms.suite, Forms.suite) { result.suites = suites }
        if let prfs = section.list("prf", Forms.prf, Forms.prf) { result.prfs = prfs }
        if let methods = section.list("key_exchange", Forms.keyExchange, Forms.keyExchange) {
            result.keyExchanges = methods
        }
        if let wraps = section.list("key_wrap", Forms.keyWrap, Forms.keyWrap) { result.keyWraps = wraps }
        return result
    }

    /// The numbers of OPTIMIZED_REKEY_SUPPORTED and OPTIMIZED_REKEY; nil: rekeys carry the SA payload.
    func optimizedRekey() -> [UInt16]? {
        let valid = "two different numbers of 16384 to 65535"
        let numbers = list("optimized_rekey", valid, Forms.number(UInt16(16_384)...UInt16.max))
        if let numbers, numbers.count != 2 || Set(numbers).count != 2 {
            file.fault(line(of: "optimized_rekey"), place("optimized_rekey"), "not a pair", valid)
            return nil
        }
        return numbers
    }
}

/// What an end offers for its IKE SAs, in the order of preference; nil means the built-in list.
package struct IKEProposalSettings: Hashable, Sendable {
    package var suites: [ProtectionSuite]?
    package var prfs: [PRFID]?
    package var keyExchanges: [KeyExchangeMethod]?
    package var keyWraps: [KeyWrapID]?
}

/// Reads a whole file with one document.
func load<Settings>(_ path: String, _ read: (Section) -> Settings?) throws(SettingsFaults) -> Settings {
    let file = SettingsFile(path)
    let documents = file.documents()
    if documents.count > 1 { file.fault(1, "", "\(documents.count) documents", "one") }
    let settings = documents.first.flatMap { section -> Settings? in
        let result = read(section)
        section.finish()
        return result
    }
    guard file.faults.isEmpty, let settings else { throw file.failure }
    return settings
}
