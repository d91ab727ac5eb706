import GRPCNIOTransportHTTP2Posix
import NIOCertificateReloading
import NIOSSL
import Synchronization

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

/// Files that cannot serve as certificate, key and roots of one process.
package struct TLSFault: Error, CustomStringConvertible {
    package let description: String
}

extension TLSCredentials {
    /// Reads all three files as a handshake would, and says what is wrong: unreadable, no certificate, a key of another one.
    package func check() throws(TLSFault) {
        do {
            let override = try load()
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.certificateChain = override.certificateChain ?? []
            configuration.privateKey = override.privateKey
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(trustRootsFile))
            _ = try NIOSSLContext(configuration: configuration)
        } catch {
            throw TLSFault(description: "\(certificateChainFile), \(privateKeyFile), \(trustRootsFile): \(error)")
        }
    }

    func load() throws -> NIOSSLContextConfigurationOverride {
        var override = NIOSSLContextConfigurationOverride.noChanges
        override.certificateChain = try NIOSSLCertificate.fromPEMFile(certificateChainFile).map { .certificate($0) }
        override.privateKey = .privateKey(try NIOSSLPrivateKey(file: privateKeyFile, format: .pem))
        return override
    }
}

/// What a listener shows to those that connect from now on; connections that stand keep what they saw.
final class RotatingCertificate: CertificateReloader {
    private let shown = Mutex(NIOSSLContextConfigurationOverride.noChanges)

    var sslContextConfigurationOverride: NIOSSLContextConfigurationOverride { shown.withLock { $0 } }

    func show(_ credentials: TLSCredentials) throws {
        let fresh = try credentials.load()
        shown.withLock { $0 = fresh }
    }
}
