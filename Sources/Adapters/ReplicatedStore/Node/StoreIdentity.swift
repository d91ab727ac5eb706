import NIOSSL
import SwiftASN1
import X509

/// A store's name as its certificate says it: exactly one URI SAN, `spiffe://TRUST-DOMAIN/gcks/store/NAME`.
struct StoreIdentity: Hashable, Sendable {
    let trustDomain: String
    let name: String

    /// Nil without such a name, or with several URIs.
    init?(_ certificate: NIOSSLCertificate?) {
        guard let octets = try? certificate?.toDERBytes(), let parsed = try? Certificate(derEncoded: octets),
            let names = try? parsed.extensions.subjectAlternativeNames
        else { return nil }
        let uris = names.compactMap { name in
            if case .uniformResourceIdentifier(let uri) = name { uri } else { nil }
        }
        guard uris.count == 1, let uri = uris.first else { return nil }
        self.init(uri: uri)
    }

    init?(uri: String) {
        let scheme = "spiffe://"
        guard uri.hasPrefix(scheme) else { return nil }
        let parts = uri.dropFirst(scheme.count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1] == "gcks", parts[2] == "store" else { return nil }
        guard Self.isPlain(parts[0]), Self.isPlain(parts[3]) else { return nil }
        trustDomain = String(parts[0])
        name = String(parts[3])
    }

    /// 1 … 255 letters, digits, '-', '_' and '.'.
    private static func isPlain(_ text: Substring) -> Bool {
        (1...255).contains(text.utf8.count)
            && text.utf8.allSatisfy { octet in
                (0x30...0x39).contains(octet) || (0x41...0x5a).contains(octet) || (0x61...0x7a).contains(octet)
                    || octet == 0x2d || octet == 0x2e || octet == 0x5f
            }
    }
}

/// Keys and trust of one store, for both directions of mutual TLS 1.3. Host names play no part: the SPIFFE name does.
struct StoreTLS: Sendable {
    let identity: StoreIdentity
    let server: NIOSSLContext
    let client: NIOSSLContext

    init(_ settings: StoreClusterSettings, name: String) throws(StoreNodeFault) {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(settings.certificateFile)
            guard let identity = StoreIdentity(chain.first), identity.name == name else {
                throw StoreNodeFault(
                    "certificate \(settings.certificateFile) does not name spiffe://TRUST-DOMAIN/gcks/store/\(name) as its one URI"
                )
            }
            let sources = chain.map { NIOSSLCertificateSource.certificate($0) }
            let key = NIOSSLPrivateKeySource.privateKey(
                try NIOSSLPrivateKey(file: settings.privateKeyFile, format: .pem))
            let roots = NIOSSLTrustRoots.certificates(try NIOSSLCertificate.fromPEMFile(settings.trustRootsFile))
            var server = TLSConfiguration.makeServerConfiguration(certificateChain: sources, privateKey: key)
            server.minimumTLSVersion = .tlsv13
            server.trustRoots = roots
            server.certificateVerification = .noHostnameVerification
            var client = TLSConfiguration.makeClientConfiguration()
            client.certificateChain = sources
            client.privateKey = key
            client.minimumTLSVersion = .tlsv13
            client.trustRoots = roots
            client.certificateVerification = .noHostnameVerification
            self.identity = identity
            self.server = try NIOSSLContext(configuration: server)
            self.client = try NIOSSLContext(configuration: client)
        } catch let fault as StoreNodeFault {
            throw fault
        } catch {
            throw StoreNodeFault(
                "TLS files \(settings.certificateFile), \(settings.privateKeyFile), \(settings.trustRootsFile): \(error)"
            )
        }
    }
}
