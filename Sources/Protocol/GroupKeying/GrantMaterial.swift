package import GroupModel
package import IKEVocabulary
package import KeyMaterial

/// Everything a registration answer is made from.
package struct GrantMaterial: Sendable {
    /// With remaining lifetime and, unless it is 0, the next Message ID.
    package let rekey: KeyedRekeySA?
    package let data: [KeyedDataSA]
    package let groupWide: GroupWidePolicy
    package let mode: SAMode
    /// DER SubjectPublicKeyInfo; nil exactly when authentication is implicit.
    package let authKey: [UInt8]?
    package let senderIDs: [SenderID]
    package let gskW: HeldSecret
    package let keyWrap: KeyWrapID
    /// Nil in a group without a key tree.
    package let seat: KeyTreeSeat?

    package init(
        rekey: KeyedRekeySA?, data: [KeyedDataSA], groupWide: GroupWidePolicy, mode: SAMode, authKey: [UInt8]?,
        senderIDs: [SenderID], gskW: HeldSecret, keyWrap: KeyWrapID, seat: KeyTreeSeat? = nil
    ) {
        self.rekey = rekey
        self.data = data
        self.groupWide = groupWide
        self.mode = mode
        self.authKey = authKey
        self.senderIDs = senderIDs
        self.gskW = gskW
        self.keyWrap = keyWrap
        self.seat = seat
    }
}
