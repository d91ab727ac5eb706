import GRPCNIOTransportHTTP2Posix

/// What a process shows and trusts on mutual TLS: PEM files.
package struct TLSCredentials: Hashable, Sendable {
    package var certificateChainFile: String
    package var privateKeyFile: String
    package var trustRootsFile: String
    /// The trust domain of `spiffe://TRUST-DOMAIN/gcks/ROLE/NAME`.
    package var trustDomain: String

    package init(certificateChainFile: String, privateKeyFile: String, trustRootsFile: String, trustDomain: String) {
        self.certificateChainFile = certificateChainFile
        self.privateKeyFile = privateKeyFile
        self.trustRootsFile = trustRootsFile
        self.trustDomain = trustDomain
    }

    var chain: [TLSConfig.CertificateSource] { [.file(path: certificateChainFile, format: .pem)] }
    var privateKey: TLSConfig.PrivateKeySource { .file(path: privateKeyFile, format: .pem) }
    var roots: TLSConfig.TrustRootsSource { .certificates([.file(path: trustRootsFile, format: .pem)]) }
}
