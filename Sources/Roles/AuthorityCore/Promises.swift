import GroupModel
import IKEVocabulary

// GSA_NEXT_SPI (RFC 9838 4.4.2): every Rekey SA is given out with the SPI of the one that comes after it. A member that meets
// that SPI on the group's address has missed a rekey and registers again within seconds. Data-Security SAs promise nothing: their
// packets are the data plane's, and their successors come in messages over a Rekey SA, whose gaps members see.

extension AuthorityCore {
    /// The first schema cannot keep a promise, so none is made there.
    var keepsPromises: Bool { upkeep.schema > 1 }

    /// The SPI of a new Rekey SA of this group: the one that was promised.
    func nextRekeySPI(of group: GroupState) -> RekeySPI { group.promisedSPI ?? newRekeySPI() }

    /// What a new Rekey SA promises.
    func makePromise() -> RekeySPI? { keepsPromises ? newRekeySPI() : nil }

    func promise(_ spi: RekeySPI?, _ group: GroupState, into draft: inout DecisionDraft) {
        guard let spi else { return }
        group.promisedSPI = spi
        draft.mutations.append(.sending(.putPromise(RekeyPromiseRow(group: group.name, spi: spi))))
    }

    /// A group from the first schema has promised nothing yet.
    func promiseIfNone(_ group: GroupState, into draft: inout DecisionDraft) {
        if group.promisedSPI == nil { promise(makePromise(), group, into: &draft) }
    }
}
