import IKEVocabulary

/// An end entity's X.509 certificate of the common profile (RFC 5280, RFC 4945), read without OpenSSL.
///
/// It says only what octets say: no signature, time or issuer was checked. Whatever is unusual (an unknown extension, an odd
/// string type, a CA) does not read here at all and goes to the judge of record, so that reading less can never accept more.
struct LeafCertificate {
    let toBeSigned: [UInt8]
    let scheme: SignatureScheme
    let signature: [UInt8]
    /// Magnitude without leading zeros.
    let serial: [UInt8]
    let issuer: [UInt8]
    let subject: [UInt8]
    /// Seconds since 1970: valid from `notBefore` to before `notAfter`, as OpenSSL counts.
    let notBefore: Int64
    let notAfter: Int64
    let subjectPublicKeyInfo: [UInt8]
    let extensions: LeafExtensions

    init?(_ der: [UInt8]) {
        guard var whole = DERCursor.only(DERTag.sequence, in: der), let tbs = whole.read(DERTag.sequence),
            let algorithm = whole.read(DERTag.sequence), let bits = whole.read(DERTag.bitString), whole.isAtEnd
        else { return nil }
        let signature = whole.content(bits)
        guard signature.first == 0, let scheme = Self.scheme(whole.whole(algorithm)) else { return nil }
        var fields = whole.inside(tbs)
        // Version 3, the only one with extensions.
        guard let version = fields.read(DERTag.constructed(0)), fields.content(version) == [0x02, 0x01, 0x02],
            let serial = fields.read(DERTag.integer).flatMap({ Self.serial(fields.content($0)) }),
            let innerAlgorithm = fields.read(DERTag.sequence), fields.whole(innerAlgorithm) == whole.whole(algorithm),
            let issuer = fields.read(DERTag.sequence), let validity = fields.read(DERTag.sequence),
            let subject = fields.read(DERTag.sequence), let key = fields.read(DERTag.sequence),
            let list = fields.read(DERTag.constructed(3)), fields.isAtEnd,
            let extensions = LeafExtensions(fields.content(list))
        else { return nil }
        var times = fields.inside(validity)
        guard let notBefore = Self.time(&times), let notAfter = Self.time(&times), times.isAtEnd else { return nil }
        let publicKey = fields.whole(key)
        guard Self.keyForms.contains(where: { publicKey.dropFirst($0.skipped).starts(with: $0.prefix) }) else {
            return nil
        }
        (self.issuer, self.subject) = (fields.whole(issuer), fields.whole(subject))
        // An empty subject, and one that reads like the issuer (self-issued), have rules of their own.
        guard let issuerText = DistinguishedNameText(self.issuer),
            let subjectText = DistinguishedNameText(self.subject),
            issuerText != subjectText, !subjectText.isEmpty
        else { return nil }
        toBeSigned = whole.whole(tbs)
        self.scheme = scheme
        self.signature = Array(signature.dropFirst())
        self.serial = serial
        (self.notBefore, self.notAfter) = (notBefore, notAfter)
        subjectPublicKeyInfo = publicKey
        self.extensions = extensions
    }

    /// Only the exact forms of RFC 7427 appendix A, which are those of certificates too.
    private static func scheme(_ identifier: [UInt8]) -> SignatureScheme? {
        guard let scheme = SignatureScheme(algorithmIdentifier: identifier), scheme.algorithmIdentifier == identifier
        else { return nil }
        return scheme
    }

    private static func serial(_ content: [UInt8]) -> [UInt8]? {
        guard (1...20).contains(content.count), content[0] < 0x80, content != [0] else { return nil }
        guard content[0] == 0 else { return content }
        return content[1] >= 0x80 ? Array(content.dropFirst()) : nil
    }

    /// Named curves and rsaEncryption only. `skipped` octets are the outer header, whose length varies with an RSA key.
    private static let keyForms: [(skipped: Int, prefix: [UInt8])] = [
        (0, [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]),
        (
            0,
            [
                0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
                0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
            ]
        ),
        (
            0,
            [
                0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04,
            ]
        ),
        (4, [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82]),
    ]
}

// MARK: Times

extension LeafCertificate {
    /// YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ in seconds since 1970.
    private static func time(_ cursor: inout DERCursor) -> Int64? {
        guard let (tag, element) = cursor.readAny() else { return nil }
        let text = cursor.content(element)
        let yearDigits = tag == DERTag.utcTime ? 2 : 4
        guard tag == DERTag.utcTime || tag == DERTag.generalizedTime, text.count == yearDigits + 11,
            text.last == UInt8(ascii: "Z"), text.dropLast().allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        func number(_ range: Range<Int>) -> Int64 { text[range].reduce(0) { $0 * 10 + Int64($1 - 0x30) } }
        func pair(_ index: Int) -> Int64 { number(yearDigits + 2 * index..<yearDigits + 2 * index + 2) }
        var year = number(0..<yearDigits)
        // RFC 5280 4.1.2.5.1: two digits mean 1950 … 2049.
        if yearDigits == 2 { year += year < 50 ? 2000 : 1900 }
        let (month, day, hour, minute, second) = (pair(0), pair(1), pair(2), pair(3), pair(4))
        guard year >= 1950, (1...12).contains(month), day >= 1, day <= days(in: month, year), hour < 24, minute < 60,
            second < 60
        else { return nil }
        return ((daysSince1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    }

    private static func days(in month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Counts in years that begin in March, so that the leap day is a year's last.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let marchMonth = (month + 9) % 12
        let daysBefore = (153 * marchMonth + 2) / 5 + day - 1
        return marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + daysBefore - 719_468
    }
}

// MARK: Names

/// A distinguished name folded for comparison: attribute types, and values without case and spaces.
///
/// Folds more than RFC 5280 7.1 does: two names that are equal there are equal here, not always the other way round.
/// Nil for attributes that are not plain ASCII text.
struct DistinguishedNameText: Equatable {
    private let folded: [UInt8]
    var isEmpty: Bool { folded.isEmpty }

    init?(_ der: [UInt8]) {
        guard var names = DERCursor.only(DERTag.sequence, in: der) else { return nil }
        var folded: [UInt8] = []
        // Every pass takes at least two octets of a certificate of limited size.
        while !names.isAtEnd {
            guard let set = names.read(DERTag.set) else { return nil }
            var attributes = names.inside(set)
            guard !attributes.isAtEnd else { return nil }
            while !attributes.isAtEnd {
                guard let pair = attributes.read(DERTag.sequence),
                    let attribute = Self.attribute(attributes.inside(pair))
                else { return nil }
                folded += attribute
            }
        }
        self.folded = folded
    }

    private static func attribute(_ cursor: DERCursor) -> [UInt8]? {
        var cursor = cursor
        guard let type = cursor.read(DERTag.objectIdentifier), isObjectIdentifier(cursor.content(type)),
            let (tag, value) = cursor.readAny(), cursor.isAtEnd,
            [DERTag.utf8String, DERTag.printableString, DERTag.ia5String].contains(tag)
        else { return nil }
        let text = cursor.content(value)
        guard !text.isEmpty, text.allSatisfy({ (0x20...0x7e).contains($0) }) else { return nil }
        let plain = text.filter { $0 != 0x20 }.map { (0x41...0x5a).contains($0) ? $0 + 0x20 : $0 }
        return [0] + cursor.content(type) + [0] + plain
    }
}

/// True for the content octets of a well-formed OBJECT IDENTIFIER.
func isObjectIdentifier(_ content: [UInt8]) -> Bool {
    guard let last = content.last, last < 0x80 else { return false }
    var isFirst = true
    for octet in content {
        if isFirst && octet == 0x80 { return false }
        isFirst = octet < 0x80
    }
    return true
}
