package import IKEVocabulary

/// Which free leaf somebody gets: members of one kin sit in blocks of degree² leaves of their own as long as there is room, since
/// those who go together then share most of what their exclusion replaces (fact sheet H.3).
///
/// A preference and no more: it is not kept, and made anew from who sits where.
package struct KeyLeafPlaces: Sendable {
    /// Who is likely to go together: the same domain, or the same kind of name.
    package struct Kin: Hashable, Sendable {
        private let type: IDType
        private let domain: [UInt8]

        package init(_ identity: Identity) {
            let separator: UInt8? =
                switch identity.type {
                case .fqdn: UInt8(ascii: ".")
                case .rfc822Address: UInt8(ascii: "@")
                default: nil
                }
            let octets = identity.canonical.octets
            type = identity.type
            domain = separator.flatMap { octets.firstIndex(of: $0) }.map { Array(octets[$0...]) } ?? []
        }

        /// Those for whom there is no block of their own.
        static let others = Kin(.keyID(""))
    }

    private let blockLeaves: UInt32
    private var blocks: [Kin: UInt32] = [:]
    /// Blocks in which a leaf became free, each once.
    private var roomy: [UInt32] = []
    private var isRoomy: Set<UInt32> = []
    private var nextBlock: UInt32

    package init(_ tree: KeyTree) {
        blockLeaves = tree.degree * tree.degree
        nextBlock = (tree.leafCount + blockLeaves - 1) / blockLeaves
        for block in (0..<nextBlock).reversed() where freeLeaf(in: block, tree) != nil { note(roomyBlock: block) }
    }

    /// A leaf that is free, for somebody of this kin; the caller gives it to him.
    ///
    /// - Returns: nil when all leaves are taken.
    package mutating func choose(_ kin: Kin, _ tree: KeyTree) -> UInt32? {
        let kin = blocks[kin] != nil || blocks.count < KeyingLimits.leafKins ? kin : .others
        if let leaf = blocks[kin].flatMap({ freeLeaf(in: $0, tree) }) { return leaf }
        let own = Set(blocks.values)
        var passed: [UInt32] = []
        defer { for block in passed { note(roomyBlock: block) } }
        while let block = roomy.popLast() {
            isRoomy.remove(block)
            guard let leaf = freeLeaf(in: block, tree) else { continue }
            // Room beside another kin is for that kin.
            if own.contains(block) {
                passed.append(block)
                continue
            }
            blocks[kin] = block
            return leaf
        }
        guard nextBlock < KeyingLimits.treeLeaves / blockLeaves else {
            return passed.compactMap { freeLeaf(in: $0, tree) }.first
        }
        blocks[kin] = nextBlock
        nextBlock += 1
        return (nextBlock - 1) * blockLeaves
    }

    package mutating func freed(_ leaf: UInt32) { note(roomyBlock: leaf / blockLeaves) }

    private mutating func note(roomyBlock block: UInt32) {
        if isRoomy.insert(block).inserted { roomy.append(block) }
    }

    private func freeLeaf(in block: UInt32, _ tree: KeyTree) -> UInt32? {
        let first = block * blockLeaves
        return (first..<first + blockLeaves).first { !tree.isTaken($0) }
    }
}
