import GroupKeying
import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial
import TestKit
import Testing

@testable import MemberCore

@Suite struct KeyTreeExclusionTests {
    /// A new Rekey SA for those who sit in a tree, over the current one.
    private func exclusion(_ gcks: GroupFixture) throws -> [UInt8] {
        var tree = KeyTree(degree: 2)
        for leaf in 0..<3 as Range<UInt32> { _ = try tree.give(leaf) }
        let sizes = try #require(KeyTreeSizes(suite: .aesGCM256, keyWrap: .kw5649_256))
        let step = try #require(try tree.exclusion(departing: [0], sizes: sizes).steps.first)
        let secret = HeldSecret(SecretOctets(copying: [UInt8](repeating: 7, count: 32)))
        let keys = KeyTreeKeys(secret: secret, group: try #require(GroupName("demo")), keyWrap: .kw5649_256)
        let plan = RekeyMessagePlan(
            over: gcks.rekeySA, messageID: gcks.nextMessageID, newRekey: try gcks.makeRekeySA(),
            groupWide: gcks.groupWide, signingKey: gcks.signingKey, tree: KeyTreeRekey(keys: keys, step: step))
        return try #require(try RekeySealer.seal(plan, engine: CryptoEngine()).first)
    }

    /// It says so, sends no more, receives under the old keys until GWP_DTD is over, and asks again at a random moment of the
    /// seconds that follow (fact sheet B.4-22).
    @Test func `a member without a key path is excluded`() throws {
        let gcks = try GroupFixture()
        let member = try FollowerFixture(gcks, senderIDs: [3])
        try member.register()
        let datagram = try exclusion(gcks)
        #expect(
            try member.receive(datagram, at: after(10))
                == ["stop 1", "group-excluded", "reregistration-planned excluded"])
        let wish = try #require(member.follower.reregistration)
        #expect(wish.at > after(10) && wish.at <= after(15) && wish.cause == .excluded)
        #expect(member.follower.dataSAs.count == 1 && member.follower.rekeySAs.count == 1)
        // Copies are the same message and say nothing new.
        #expect(try member.receive(datagram, at: after(11)) == [])
        #expect(member.wait(until: after(20)) == ["remove 1", "remove rekey"])
    }
}
