import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial

extension AuthorityCore {
    func load(_ state: StoredState) throws(AuthorityFailure) {
        operations = RememberedOperations(state.operations)
        try loadFleet(state)
        drained = Dictionary(state.drained.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        numberOrdersAnew()
        let paces = Dictionary(state.groups.map { ($0.name, $0.definition.rekey.pace) }) { first, _ in first }
        for var order in state.rekeyOrders {
            order.pace = paces[order.group] ?? .zero
            rekeyOrders[order.number] = order
            lastRekeyOrder = max(lastRekeyOrder, order.number)
        }
        lastRekeyOrder = max(lastRekeyOrder, state.rekeyHistory.map(\.number).max() ?? 0)
        let rekeyRows = Dictionary(grouping: state.rekeySAs, by: \.group)
        let dataRows = Dictionary(grouping: state.dataSAs, by: \.group)
        let memberRows = Dictionary(grouping: state.members, by: \.group)
        for row in state.groups {
            let rekeySAs = rekeyRows[row.name] ?? []
            guard let current = rekeySAs.last(where: { $0.retiredAt == nil }) else {
                throw .unusable("group \(row.name) has no current Rekey SA")
            }
            var dataSAs: [HeldDataSA] = []
            var abandoned: [DataSARow] = []
            for dataRow in dataRows[row.name] ?? [] {
                if let held = try open(dataRow, of: row) { dataSAs.append(held) } else { abandoned.append(dataRow) }
                spisInUse.insert(dataRow.spi)
            }
            let group = GroupState(
                row: row, rekeySA: try open(current, of: row), dataSAs: dataSAs,
                retiredRekeySAs: rekeySAs.filter { $0.retiredAt != nil }, abandonedDataSAs: abandoned)
            for member in memberRows[row.name] ?? [] { group.put(member) }
            loadControl(of: group, state)
            groups[row.name] = group
            namesByIdentification[row.definition.identification.canonical] = row.name
        }
        try loadKeyTrees(state)
    }

    /// Numbers of one leadership are above all of earlier ones, and those of one life above all of earlier lives: a broadcaster
    /// that lived on never takes a new order for an old one, and a late acknowledgement never ends a new order. Below 2^53, so
    /// that every reader of JSON tells them apart.
    ///
    ///     life (12 bits) | term (19) | count (22)
    func numberOrdersAnew() {
        lastRekeyOrder = max(lastRekeyOrder, Int64(life.rawValue) << 41 + term.rawValue << 22)
    }

    private func loadControl(of group: GroupState, _ state: StoredState) {
        for row in state.exclusions where row.group == group.name { group.exclusions[row.identity] = row }
        if let row = state.rekeySchedules.first(where: { $0.group == group.name }) {
            (group.schedule, group.pausedAt) = (row.schedule, row.pausedAt)
        }
        for row in state.sending.claims where row.group == group.name { group.claims[row.dataSA] = row }
        group.promisedSPI = state.sending.promises.first { $0.group == group.name }?.spi
        for row in state.sending.sequences where row.group == group.name { group.sequences[row.spi] = row }
        group.history = state.rekeyHistory.filter { $0.group == group.name }.sorted { $0.number < $1.number }
    }

    private func open(_ row: RekeySARow, of group: GroupRow) throws(AuthorityFailure) -> HeldRekeySA {
        let definition = group.definition.rekey
        let place = SealedPlace.keymat(group.name, row.spi)
        let keymat = try unseal(row.sealedKeymat, place)
        guard keymat.count == KeyedRekeySA.keymatOctets(definition.suite, definition.keyWrap) else {
            throw .unusable("\(place) has the wrong size")
        }
        var signingKey: SigningKey?
        if let sealed = row.sealedSigningKey {
            let signingPlace = SealedPlace.signingKey(group.name, row.spi)
            let encoded = try unseal(sealed, signingPlace)
            do {
                signingKey = try SigningKey(privateKeyInfo: encoded)
            } catch {
                throw .unusable("\(signingPlace): \(error)")
            }
        }
        let policy = definition.policy(spi: row.spi, lifetime: nil)
        return HeldRekeySA(
            row: row, sa: KeyedRekeySA(policy: policy, keymat: HeldSecret(keymat)), signingKey: signingKey)
    }

    /// Nil for an SA that is being retired and whose definition is gone: nobody is given it any more.
    private func open(_ row: DataSARow, of group: GroupRow) throws(AuthorityFailure) -> HeldDataSA? {
        guard let definition = group.definition.data.first(where: { $0.name == row.name }) else {
            guard row.retiredAt != nil else { throw .unusable("group \(group.name) has no data SA \(row.name)") }
            return nil
        }
        let place = SealedPlace.dataKey(group.name, row.spi)
        let key = try unseal(row.sealedKey, place)
        let policy = definition.policy(spi: row.spi, lifetime: nil)
        return HeldDataSA(row: row, sa: KeyedDataSA(policy: policy, key: HeldSecret(key)))
    }

    func unseal(_ sealed: SealedKey, _ place: String) throws(AuthorityFailure) -> SecretOctets {
        do {
            return try sealer.open(sealed, context: place)
        } catch {
            throw .unsealable("\(place): \(error)")
        }
    }
}

/// Where a sealed key belongs. The text is authenticated with the key, so that a blob copied to another row does not open.
enum SealedPlace {
    static func keymat(_ group: GroupName, _ spi: RekeySPI) -> String { "gcks/1/\(group)/rekey/\(spi)/keymat" }
    static func signingKey(_ group: GroupName, _ spi: RekeySPI) -> String { "gcks/1/\(group)/rekey/\(spi)/signing" }
    static let auditKey = "gcks/1/audit/signing"
    static let fleetSecret = "gcks/1/fleet/secret"
    static func keyTree(_ group: GroupName) -> String { "gcks/1/\(group)/key-tree" }
    static func dataKey(_ group: GroupName, _ spi: ESPSPI) -> String { "gcks/1/\(group)/data/\(spi)" }
}
