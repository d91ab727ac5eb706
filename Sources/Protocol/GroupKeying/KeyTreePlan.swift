package import GroupModel
package import IKEVocabulary

/// A WRAP_KEY to be: the key of one node under the key of another.
package struct KeyTreeWrap: Hashable, Sendable {
    package let keyID: UInt32
    package let kwkID: UInt32

    package init(keyID: UInt32, kwkID: UInt32) {
        self.keyID = keyID
        self.kwkID = kwkID
    }
}

/// One exclusion rekey: a new Rekey SA whose KEYMAT is wrapped under the top of the tree, and the nodes that changed.
package struct KeyTreeStep: Sendable {
    package struct Change: Hashable, Sendable {
        package let node: KeyTreeNode
        package let keyID: UInt32
    }

    /// In the order of their levels, so that each key is wrapped under keys that come before it or were there.
    package let changed: [Change]
    package let wraps: [KeyTreeWrap]
    /// The children of the root: one SA_KEY under each.
    package let tops: [UInt32]
}

/// Sizes of the wrapped keys of a group, in octets of their attributes.
package struct KeyTreeSizes: Hashable, Sendable {
    package let wrapKey: Int
    package let saKey: Int

    /// Nil for a key wrap algorithm that is not known.
    package init?(suite: ProtectionSuite, keyWrap: KeyWrapID) {
        guard let node = keyWrap.keyOctets, let keymat = KeyedRekeySA.keymatOctets(suite, keyWrap) else { return nil }
        wrapKey = Self.attribute(node)
        saKey = Self.attribute(keymat)
    }

    /// Attribute header (4), Key ID and KWK ID (8), AES key wrap with padding (RFC 5649): 8 more, in steps of 8.
    private static func attribute(_ octets: Int) -> Int { 12 + 8 + (octets + 7) / 8 * 8 }

    package func octets(_ step: KeyTreeStep) -> Int { step.wraps.count * wrapKey + step.tops.count * saKey }
}

/// How a group gets keys that those who depart do not know: one exclusion rekey, or a chain of them when one message cannot
/// hold all. Each step travels over the Rekey SA of the step before (fact sheet F.3).
package struct KeyTreePlan: Sendable {
    package let steps: [KeyTreeStep]
    package let departing: [UInt32]
    package let lastKeyID: UInt32
    package let height: Int
}

extension KeyTree {
    /// New keys for every node above these leaves, above marked leaves, and for what the tree grew by. Each is wrapped under
    /// those children that somebody still sits under, so nothing is wrapped under what a departing leaf knows.
    ///
    /// - Parameters:
    ///   - departing: leaves whose holders are taken out.
    ///   - reserved: free leaves that somebody is to get who must not know the keys of today.
    ///   - budget: octets of wrapped keys in one message.
    package func exclusion(
        departing: [UInt32] = [], reserved: [UInt32] = [], sizes: KeyTreeSizes,
        budget: Int = KeyingLimits.exclusionOctets - KeyingLimits.exclusionOverheadOctets
    ) throws(KeyTreeFailure) -> KeyTreePlan {
        var planner = KeyTreePlanner(self, departing: departing, sizes: sizes, budget: budget)
        guard planner.holds(planner.root) else { throw .nobodyLeft }
        planner.change(KeyTreeNode(level: UInt8(clamping: knownHeight), index: 0))
        for leaf in marked.union(departing).union(reserved).sorted() { try planner.change(above: leaf) }
        try planner.closeStep()
        return KeyTreePlan(
            steps: planner.steps, departing: departing.filter(isTaken), lastKeyID: planner.lastKeyID, height: height)
    }
}

/// Grows a plan leaf by leaf. What it changes lies beside the tree, which it does not touch.
private struct KeyTreePlanner {
    private let tree: KeyTree
    private let sizes: KeyTreeSizes
    private let budget: Int
    let root: KeyTreeNode
    /// Departing leaves under each node.
    private var departing: [KeyTreeNode: UInt32] = [:]
    /// Key IDs of the steps that are done.
    private var keyIDs: [KeyTreeNode: UInt32] = [:]
    private(set) var lastKeyID: UInt32
    private(set) var steps: [KeyTreeStep] = []
    /// What changes in the step under way, and the wraps it costs.
    private var open: Set<KeyTreeNode> = []
    private var openWraps = 0

    init(_ tree: KeyTree, departing leaves: [UInt32], sizes: KeyTreeSizes, budget: Int) {
        self.tree = tree
        self.sizes = sizes
        self.budget = budget
        lastKeyID = tree.lastKeyID
        root = KeyTreeNode(level: UInt8(clamping: tree.height), index: 0)
        for leaf in Set(leaves) where tree.isTaken(leaf) {
            var node = KeyTreeNode(level: 0, index: leaf)
            departing[node, default: 0] += 1
            while node.level < root.level {
                node = tree.parent(node)
                departing[node, default: 0] += 1
            }
        }
    }

    /// Somebody stays under it.
    func holds(_ node: KeyTreeNode) -> Bool { tree.takenCount(node) > departing[node] ?? 0 }

    private func children(_ node: KeyTreeNode) -> [KeyTreeNode] {
        let first = UInt64(node.index) * UInt64(tree.degree)
        return (0..<UInt64(tree.degree)).compactMap { child in
            guard let index = UInt32(exactly: first + child) else { return nil }
            let node = KeyTreeNode(level: node.level - 1, index: index)
            return holds(node) ? node : nil
        }
    }

    /// This node and all above it, up to the children of the root.
    mutating func change(_ node: KeyTreeNode) {
        var node = node
        while node.level < root.level, open.insert(node).inserted {
            openWraps += children(node).count
            node = tree.parent(node)
        }
    }

    mutating func change(above leaf: UInt32) throws(KeyTreeFailure) {
        let parent = tree.parent(KeyTreeNode(level: 0, index: leaf))
        let saOctets = Int(tree.degree) * sizes.saKey
        var (node, more) = (parent, 0)
        while node.level < root.level, !open.contains(node) {
            more += children(node).count
            node = tree.parent(node)
        }
        if !open.isEmpty, (openWraps + more) * sizes.wrapKey + saOctets > budget { try closeStep() }
        change(parent)
    }

    mutating func closeStep() throws(KeyTreeFailure) {
        var changed: [KeyTreeStep.Change] = []
        var wraps: [KeyTreeWrap] = []
        for node in open.sorted(by: { ($0.level, $0.index) < ($1.level, $1.index) }) {
            guard lastKeyID < KeyingLimits.lastKeyID else { throw .keyIDsUsedUp }
            lastKeyID += 1
            keyIDs[node] = lastKeyID
            changed.append(KeyTreeStep.Change(node: node, keyID: lastKeyID))
            wraps += children(node).map { KeyTreeWrap(keyID: lastKeyID, kwkID: keyID($0)) }
        }
        steps.append(KeyTreeStep(changed: changed, wraps: wraps, tops: children(root).map(keyID)))
        (open, openWraps) = ([], 0)
    }

    private func keyID(_ node: KeyTreeNode) -> UInt32 { keyIDs[node] ?? tree.keyID(node) }
}
