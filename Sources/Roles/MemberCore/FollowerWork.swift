import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial

/// What a follower needs while it works: the engine, randomness, and a place for its effects.
final class FollowerWork {
    let engine: CryptoEngine
    var entropy: any EntropySource
    var effects: [MemberEffect] = []

    init(engine: CryptoEngine, entropy: any EntropySource) {
        self.engine = engine
        self.entropy = entropy
    }

    func remove(_ reference: GroupSAReference) { effects.append(.remove(reference)) }

    func install(_ group: Identity, _ sa: KeyedRekeySA) {
        effects.append(
            .install(
                InstalledGroupSA(
                    group: group, content: .rekey(sa), keyCheckValue: engine.keyCheckValue(of: sa.keymat.secret))))
    }

    func install(_ group: Identity, _ sa: KeyedDataSA, _ use: DataSAUse) {
        effects.append(
            .install(
                InstalledGroupSA(
                    group: group, content: .data(sa, use), keyCheckValue: engine.keyCheckValue(of: sa.key.secret))))
    }

    func event(
        _ name: String, _ level: Event.Level, limitedBy: String? = nil, _ fields: [(key: String, value: String)] = []
    ) {
        effects.append(.event(Event(name, level, limitedBy: limitedBy, fields)))
    }
}
