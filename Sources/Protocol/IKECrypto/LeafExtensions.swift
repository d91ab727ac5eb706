import IKEVocabulary

/// The extensions of an end entity's certificate that the fast path knows. One it does not know, twice, or in another form
/// than an end entity has it, and the certificate does not read.
struct LeafExtensions {
    private(set) var authorityKeyID: [UInt8]?
    private(set) var names: [Identity] = []
    private var seen: Set<[UInt8]> = []

    private enum ID {
        static let subjectKeyID: [UInt8] = [0x55, 0x1d, 0x0e]
        static let keyUsage: [UInt8] = [0x55, 0x1d, 0x0f]
        static let subjectAltName: [UInt8] = [0x55, 0x1d, 0x11]
        static let basicConstraints: [UInt8] = [0x55, 0x1d, 0x13]
        static let crlDistributionPoints: [UInt8] = [0x55, 0x1d, 0x1f]
        static let authorityKeyID: [UInt8] = [0x55, 0x1d, 0x23]
        static let extendedKeyUsage: [UInt8] = [0x55, 0x1d, 0x25]
        /// Say nothing about trust: certificate policies (no policy is required), authority information access, and
        /// Netscape's comment.
        static let ignored: Set<[UInt8]> = [
            [0x55, 0x1d, 0x20], [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01],
            [0x60, 0x86, 0x48, 0x01, 0x86, 0xf8, 0x42, 0x01, 0x0d],
        ]
    }

    /// - Parameter octets: the SEQUENCE of extensions.
    init?(_ octets: [UInt8]) {
        guard var list = DERCursor.only(DERTag.sequence, in: octets) else { return nil }
        while !list.isAtEnd {
            guard let element = list.read(DERTag.sequence), seen.count < CertificateLimits.extensions else {
                return nil
            }
            var fields = list.inside(element)
            guard let id = fields.read(DERTag.objectIdentifier).map(fields.content), seen.insert(id).inserted else {
                return nil
            }
            var isCritical = false
            if fields.nextTag == DERTag.boolean {
                guard let flag = fields.read(DERTag.boolean), fields.content(flag) == [0xff] else { return nil }
                isCritical = true
            }
            guard let value = fields.read(DERTag.octetString), fields.isAtEnd,
                take(id, fields.content(value), isCritical: isCritical)
            else { return nil }
        }
        guard !seen.isEmpty else { return nil }
    }

    private mutating func take(_ id: [UInt8], _ value: [UInt8], isCritical: Bool) -> Bool {
        switch id {
        case ID.basicConstraints: return value == [DERTag.sequence, 0]
        case ID.keyUsage: return Self.allowsSignaturesOnly(value)
        case ID.extendedKeyUsage: return Self.fitsIKE(value)
        case ID.subjectAltName: return takeNames(value)
        case ID.authorityKeyID:
            guard !isCritical, var cursor = DERCursor.only(DERTag.sequence, in: value),
                let keyID = cursor.read(DERTag.primitive(0)), cursor.isAtEnd, !keyID.content.isEmpty
            else { return false }
            authorityKeyID = cursor.content(keyID)
            return true
        case ID.subjectKeyID: return !isCritical && DERCursor.only(DERTag.octetString, in: value)?.isAtEnd == false
        case ID.crlDistributionPoints: return !isCritical && Self.areWholeDistributionPoints(value)
        default: return !isCritical && ID.ignored.contains(id)
        }
    }

    /// digitalSignature, and neither keyCertSign nor cRLSign.
    private static func allowsSignaturesOnly(_ value: [UInt8]) -> Bool {
        guard value.count == 4 || value.count == 5, value[0] == DERTag.bitString, Int(value[1]) == value.count - 2,
            value[2] <= 7
        else { return false }
        let unused = UInt8(truncatingIfNeeded: (1 << UInt(value[2])) - 1)
        return value[3] & 0x80 != 0 && value[3] & 0x06 == 0 && (value.last ?? 0) & unused == 0
    }

    /// The same purposes as the judge of record takes.
    private static func fitsIKE(_ value: [UInt8]) -> Bool {
        let purposes: [UInt8] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03]
        guard var list = DERCursor.only(DERTag.sequence, in: value) else { return false }
        var fits = false
        while !list.isAtEnd {
            guard let purpose = list.read(DERTag.objectIdentifier).map(list.content), isObjectIdentifier(purpose) else {
                return false
            }
            // serverAuth, clientAuth, ipsecEndSystem, ipsecTunnel, ipsecUser, ipsecIKE; anyExtendedKeyUsage.
            fits = fits || [1, 2, 5, 6, 7, 17].contains { purpose == purposes + [$0] }
            fits = fits || purpose == [0x55, 0x1d, 0x25, 0x00]
        }
        return fits
    }

    private mutating func takeNames(_ value: [UInt8]) -> Bool {
        guard var list = DERCursor.only(DERTag.sequence, in: value), !list.isAtEnd else { return false }
        var count = 0
        while !list.isAtEnd {
            guard let (tag, element) = list.readAny(), count < CertificateLimits.names else { return false }
            let octets = list.content(element)
            count += 1
            if tag == DERTag.primitive(7) {
                guard octets.count == 4 || octets.count == 16 else { return false }
                names.append(Identity(type: octets.count == 4 ? .ipv4Address : .ipv6Address, octets: octets))
                continue
            }
            guard (1...CertificateLimits.nameOctets).contains(octets.count),
                octets.allSatisfy({ (0x20...0x7e).contains($0) })
            else { return false }
            switch tag {
            case DERTag.primitive(1): names.append(Identity(type: .rfc822Address, octets: octets))
            case DERTag.primitive(2): names.append(Identity(type: .fqdn, octets: octets))
            // A URI is no IKE identity.
            case DERTag.primitive(6): break
            default: return false
            }
        }
        return true
    }

    /// Distribution points with nothing but URIs cover all reasons and name no other CRL issuer.
    private static func areWholeDistributionPoints(_ value: [UInt8]) -> Bool {
        guard var list = DERCursor.only(DERTag.sequence, in: value), !list.isAtEnd else { return false }
        while !list.isAtEnd {
            guard let point = list.read(DERTag.sequence) else { return false }
            var fields = list.inside(point)
            guard let name = fields.read(DERTag.constructed(0)), fields.isAtEnd else { return false }
            var choice = fields.inside(name)
            guard let full = choice.read(DERTag.constructed(0)), choice.isAtEnd, !full.content.isEmpty else {
                return false
            }
            var uris = choice.inside(full)
            while !uris.isAtEnd { guard uris.read(DERTag.primitive(6)) != nil else { return false } }
        }
        return true
    }
}
