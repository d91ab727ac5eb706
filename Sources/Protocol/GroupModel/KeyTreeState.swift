package import IKEVocabulary
package import KeyMaterial

/// How a group's key tree is made (LKH, RFC 9838 appendix A).
package struct KeyTreeDefinition: Hashable, Sendable {
    /// Children of a node. 2 … 16; 4 costs least when members go one by one (fact sheet H.3).
    package var degree: UInt8
    package var onLeave: LeaveRule

    package static let usualDegree: UInt8 = 4
    package static let degrees: ClosedRange<UInt8> = 2...16

    package init(degree: UInt8 = KeyTreeDefinition.usualDegree, onLeave: LeaveRule = .batch) {
        self.degree = degree
        self.onLeave = onLeave
    }
}

/// When a member that left by itself is locked out: with the next Rekey SA, or at once.
package enum LeaveRule: String, Hashable, Sendable, CaseIterable { case batch, rekey }

/// A place in a key tree: leaves are at level 0, a node's children at the level below it.
package struct KeyTreeNode: Hashable, Sendable {
    package let level: UInt8
    package let index: UInt32

    package init(level: UInt8, index: UInt32) {
        self.level = level
        self.index = index
    }
}

/// A group's key tree, from one renewal by registration to the next: then there is a new one with a secret of its own.
package struct KeyTreeRow: Hashable, Sendable {
    package var group: GroupName
    /// Every key of the tree comes from it and from the Key ID.
    package var sealedSecret: SealedKey
    /// The highest Key ID that was given to a leaf or to a node that changed; below 2^31, and it only grows.
    package var lastKeyID: UInt32
    /// Leaves 0 … leaves - 1 were given out at some time.
    package var leaves: UInt32
    /// Levels below this one are known to whoever sits under them; the first node of each level from here on is not.
    package var knownHeight: UInt8

    package init(group: GroupName, sealedSecret: SealedKey, lastKeyID: UInt32, leaves: UInt32, knownHeight: UInt8) {
        self.group = group
        self.sealedSecret = sealedSecret
        self.lastKeyID = lastKeyID
        self.leaves = leaves
        self.knownHeight = knownHeight
    }
}

/// A node whose key is not its first one.
package struct KeyTreeNodeRow: Hashable, Sendable {
    package var group: GroupName
    package var node: KeyTreeNode
    package var keyID: UInt32

    package init(group: GroupName, node: KeyTreeNode, keyID: UInt32) {
        self.group = group
        self.node = node
        self.keyID = keyID
    }
}

/// A leaf that somebody has, or whose last holder still knows the keys above it.
package struct KeyLeafRow: Hashable, Sendable {
    package var group: GroupName
    package var leaf: UInt32
    package var keyID: UInt32
    /// Who has it, or is to have it; nil when its holder left.
    package var holder: Identity?
    /// The keys above it are known to somebody who left: the next exclusion replaces them.
    package var isMarked: Bool

    package init(group: GroupName, leaf: UInt32, keyID: UInt32, holder: Identity?, isMarked: Bool) {
        self.group = group
        self.leaf = leaf
        self.keyID = keyID
        self.holder = holder
        self.isMarked = isMarked
    }
}

package enum KeyTreeMutation: Hashable, Sendable {
    case putTree(KeyTreeRow)
    case putNode(KeyTreeNodeRow)
    case putLeaf(KeyLeafRow)
    case removeLeaf(UInt32, group: GroupName)
    /// All nodes and leaves; the tree itself is put anew.
    case clear(GroupName)
}
