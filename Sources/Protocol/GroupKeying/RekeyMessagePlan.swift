package import GroupModel
package import IKECrypto
package import IKEVocabulary
package import IKEWire

/// One GSA_REKEY message (RFC 9838 2.4.1): new SAs with their keys, Deletes of old ones, or both.
package struct RekeyMessagePlan: Sendable {
    /// The Rekey SA the message travels over.
    package let over: KeyedRekeySA
    package let messageID: MessageID
    package let newRekey: KeyedRekeySA?
    package let newData: [KeyedDataSA]
    package let groupWide: GroupWidePolicy
    package let deletes: [DeletePayload]
    package let mode: SAMode
    /// A new AUTH_KEY for the messages after this one.
    package let newAuthKey: [UInt8]?
    /// Nil exactly when authentication is implicit.
    package let signingKey: SigningKey?
    /// Largest datagram before the message is fragmented; nil: never.
    package let fragmentOctets: Int?
    /// Who gets the new Rekey SA's KEYMAT; nil: whoever has the Rekey SA the message travels over.
    package let tree: KeyTreeRekey?

    package init(
        over: KeyedRekeySA, messageID: MessageID, newRekey: KeyedRekeySA? = nil, newData: [KeyedDataSA] = [],
        groupWide: GroupWidePolicy = GroupWidePolicy(), deletes: [DeletePayload] = [], mode: SAMode = .tunnel,
        newAuthKey: [UInt8]? = nil, signingKey: SigningKey?, fragmentOctets: Int? = nil,
        tree: KeyTreeRekey? = nil
    ) {
        self.over = over
        self.messageID = messageID
        self.newRekey = newRekey
        self.newData = newData
        self.groupWide = groupWide
        self.deletes = deletes
        self.mode = mode
        self.newAuthKey = newAuthKey
        self.signingKey = signingKey
        self.fragmentOctets = fragmentOctets
        self.tree = tree
    }
}

package enum RekeyError: Error, Hashable, Sendable {
    case crypto(CryptoError)
    /// The inner payloads exceed what a signature can cover (65,531 octets) or the fragments exceed their limit.
    case tooLarge(octets: Int)
    /// The Rekey SA's GCAUTH and the signing key do not belong together.
    case wrongAuthentication

    /// Runs cryptographic work and says whose error it was.
    static func crypto<Result>(_ work: () throws(CryptoError) -> Result) throws(RekeyError) -> Result {
        do throws(CryptoError) {
            return try work()
        } catch {
            throw .crypto(error)
        }
    }
}
