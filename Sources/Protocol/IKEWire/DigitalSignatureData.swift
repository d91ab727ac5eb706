package import Octets

/// The data of AUTH method 14: ASN.1 length (1) | DER AlgorithmIdentifier | signature (RFC 7427 3).
package struct DigitalSignatureData: Hashable, Sendable {
    package let algorithmIdentifier: [UInt8]
    package let signature: [UInt8]

    package init(algorithmIdentifier: [UInt8], signature: [UInt8]) {
        self.algorithmIdentifier = algorithmIdentifier
        self.signature = signature
    }

    package init(decoding octets: [UInt8]) throws(WireError) {
        var reader = OctetReader(octets)
        let count = Int(try reader.readUInt8("ASN.1 length"))
        guard count > 0 else { throw reader.error(.badLength, "ASN.1 length") }
        algorithmIdentifier = try reader.readOctets(count, "AlgorithmIdentifier")
        guard !reader.isAtEnd else { throw reader.error(.truncated, "signature") }
        signature = reader.readRemaining()
    }

    package func encode() -> [UInt8] {
        [UInt8(clamping: algorithmIdentifier.count)] + algorithmIdentifier + signature
    }
}
