package import GroupModel

/// A group's key tree without its keys: which places are taken and which Key ID each node has (LKH, RFC 9838 appendix A).
///
/// Leaf i is node (0, i), its parent (1, i / degree), and so on. The root is the Rekey SA: its key is KEYMAT and has no Key ID;
/// its children appear as the SA_KEYs of the Rekey SA. One Key ID means one key as long as the tree lives:
///
///     1 | level (5 bits) | index (26)      the first key of an inner node
///     0 | number (31 bits)                 a leaf's key, and each later key of an inner node; counted, never again
///
/// The tree grows by height. Who was there before does not know the new nodes above, so the next exclusion replaces them too.
package struct KeyTree: Sendable {
    package let degree: UInt32
    package private(set) var lastKeyID: UInt32
    /// Leaves 0 … leafCount - 1 were given out at some time.
    package private(set) var leafCount: UInt32
    package private(set) var knownHeight: Int
    /// Leaves above which somebody who left knows the keys.
    package private(set) var marked: Set<UInt32> = []
    /// 0: nobody has it.
    private var leafKeyIDs: [UInt32] = []
    /// Taken leaves under each node, from level 1 up.
    private var taken: [[UInt32]]
    private var changed: [KeyTreeNode: UInt32] = [:]
    package private(set) var members = 0

    package init(degree: UInt8, lastKeyID: UInt32 = 0, leafCount: UInt32 = 0, knownHeight: Int = 1) {
        self.degree = UInt32(max(degree, KeyTreeDefinition.degrees.lowerBound))
        self.lastKeyID = lastKeyID
        self.leafCount = min(leafCount, KeyingLimits.treeLeaves)
        self.knownHeight = max(knownHeight, 1)
        taken = []
        taken = [[UInt32]](repeating: [], count: height(of: KeyingLimits.treeLeaves))
    }

    // MARK: Shape

    /// The smallest that holds all leaves that were ever given out.
    package var height: Int { height(of: leafCount) }

    private func height(of leaves: UInt32) -> Int {
        var (height, room) = (1, UInt64(degree))
        while room < UInt64(leaves) {
            room *= UInt64(degree)
            height += 1
        }
        return height
    }

    package func isTaken(_ leaf: UInt32) -> Bool { leaf < leafKeyIDs.count && leafKeyIDs[Int(leaf)] != 0 }

    func takenCount(_ node: KeyTreeNode) -> UInt32 {
        guard node.level > 0 else { return isTaken(node.index) ? 1 : 0 }
        let (level, index) = (Int(node.level) - 1, Int(node.index))
        return level < taken.count && index < taken[level].count ? taken[level][index] : 0
    }

    package func keyID(_ node: KeyTreeNode) -> UInt32 {
        guard node.level > 0 else { return isTaken(node.index) ? leafKeyIDs[Int(node.index)] : 0 }
        return changed[node] ?? Self.firstKeyID(node)
    }

    package static func firstKeyID(_ node: KeyTreeNode) -> UInt32 { 1 << 31 | UInt32(node.level) << 26 | node.index }

    func parent(_ node: KeyTreeNode) -> KeyTreeNode {
        KeyTreeNode(level: node.level + 1, index: node.index / degree)
    }

    /// Key IDs from this leaf to the child of the root, for somebody who is given the leaf under that Key ID.
    package func path(of leaf: UInt32, keyID: UInt32) -> [UInt32] {
        var (path, node) = ([keyID], KeyTreeNode(level: 0, index: leaf))
        for _ in 1..<height(of: max(leafCount, leaf + 1)) {
            node = parent(node)
            path.append(self.keyID(node))
        }
        return path
    }

    // MARK: Leaves

    /// The Key ID that the next leaf, or the next node that changes, gets.
    package func nextKeyID() throws(KeyTreeFailure) -> UInt32 {
        guard lastKeyID < KeyingLimits.lastKeyID else { throw .keyIDsUsedUp }
        return lastKeyID + 1
    }

    /// Gives a free leaf to somebody, under a new Key ID.
    package mutating func give(_ leaf: UInt32) throws(KeyTreeFailure) -> UInt32 {
        guard leaf < KeyingLimits.treeLeaves, !isTaken(leaf) else { throw .full }
        let keyID = try nextKeyID()
        lastKeyID = keyID
        put(leaf, keyID: keyID)
        return keyID
    }

    /// Its holder left. `knowsKeys`: the keys above it have to be replaced.
    package mutating func free(_ leaf: UInt32, knowsKeys: Bool) {
        if knowsKeys { marked.insert(leaf) }
        guard isTaken(leaf) else { return }
        leafKeyIDs[Int(leaf)] = 0
        count(leaf, by: -1)
    }

    private mutating func put(_ leaf: UInt32, keyID: UInt32) {
        leafCount = max(leafCount, leaf + 1)
        if leafKeyIDs.count < Int(leafCount) {
            leafKeyIDs += repeatElement(0, count: Int(leafCount) - leafKeyIDs.count)
        }
        let wasTaken = leafKeyIDs[Int(leaf)] != 0
        leafKeyIDs[Int(leaf)] = keyID
        if !wasTaken { count(leaf, by: 1) }
    }

    private mutating func count(_ leaf: UInt32, by change: Int) {
        members += change
        var index = Int(leaf)
        for level in taken.indices {
            index /= Int(degree)
            if taken[level].count <= index {
                taken[level] += repeatElement(0, count: index + 1 - taken[level].count)
            }
            taken[level][index] = UInt32(clamping: Int(taken[level][index]) + change)
        }
    }

    // MARK: From the store

    package mutating func restore(_ row: KeyTreeNodeRow) { changed[row.node] = row.keyID }

    package mutating func restore(_ row: KeyLeafRow) {
        guard row.leaf < KeyingLimits.treeLeaves else { return }
        if row.isMarked { marked.insert(row.leaf) }
        if row.holder != nil, row.keyID != 0 { put(row.leaf, keyID: row.keyID) }
    }

    // MARK: Change

    /// Takes over what an exclusion changed, once its messages are made.
    package mutating func apply(_ plan: KeyTreePlan) {
        for leaf in plan.departing { free(leaf, knowsKeys: false) }
        for step in plan.steps {
            for change in step.changed { changed[change.node] = change.keyID }
        }
        lastKeyID = plan.lastKeyID
        knownHeight = plan.height
        marked = []
    }
}

/// Why a key tree cannot go on. A renewal of the group by registration makes a new one.
package enum KeyTreeFailure: Error, Hashable, Sendable {
    case keyIDsUsedUp
    case full
    /// Nobody is left to give keys to.
    case nobodyLeft
}
