package import GroupModel
import SwiftASN1
package import X509

/// What a process may do to an authority.
package enum PeerRole: String, Hashable, Sendable, CaseIterable {
    case frontend, broadcaster, authority
    // People, by what they are trusted with.
    case auditor, viewer, `operator`
    case cryptoOfficer = "crypto-officer"
}

/// Who is at the other end of a connection.
///
/// Over mutual TLS it is the one URI SAN of the certificate: `spiffe://TRUST-DOMAIN/gcks/ROLE/NAME`. Over a Unix socket
/// the listener decides the role and the peer says its name.
package struct PeerIdentity: Hashable, Sendable, CustomStringConvertible {
    package let role: PeerRole
    package let name: String
    /// What it may ask as an operator: nothing for the roles of programs.
    package internal(set) var operatorRoles: Set<OperatorRole>
    /// Of an operator who came by a Unix socket, where the name is only said: whose process it is as the kernel knows it, such
    /// as "unix uid=0 (root)".
    package internal(set) var proof: String?

    /// Nil unless the name is 1 … 64 of letters, digits, '-', '_' and '.'.
    package init?(role: PeerRole, name: String) {
        let isPlain = name.utf8.allSatisfy { octet in
            (0x30...0x39).contains(octet) || (0x41...0x5a).contains(octet) || (0x61...0x7a).contains(octet)
                || octet == 0x2d || octet == 0x2e || octet == 0x5f
        }
        guard isPlain, (1...64).contains(name.utf8.count) else { return nil }
        self.role = role
        self.name = name
        operatorRoles = role.operatorRole.map { [$0] } ?? []
    }

    /// Reads a SPIFFE URI of the given trust domain. Nil for another domain, an unknown role or extra path.
    package init?(uri: String, trustDomain: String) {
        let prefix = "spiffe://\(trustDomain)/gcks/"
        guard uri.hasPrefix(prefix) else { return nil }
        let parts = uri.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let role = PeerRole(rawValue: String(parts[0])) else { return nil }
        self.init(role: role, name: String(parts[1]))
    }

    /// Nil when there is no certificate, or its SANs hold no URI, several, or one that does not parse: nil means "deny".
    package init?(certificate: Certificate?, trustDomain: String) {
        guard let certificate, let names = try? certificate.extensions.subjectAlternativeNames else { return nil }
        let uris = names.compactMap { name in
            if case .uniformResourceIdentifier(let uri) = name { uri } else { nil }
        }
        guard uris.count == 1, let uri = uris.first else { return nil }
        self.init(uri: uri, trustDomain: trustDomain)
    }

    package var description: String { "\(role.rawValue)/\(name)" }
}
