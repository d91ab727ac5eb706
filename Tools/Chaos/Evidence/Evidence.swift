/// Everything the checks look at, gathered from outside the programs.
struct Evidence: Sendable {
    var ledger: [LedgerEntry] = []
    var rekeys: [CapturedRekey] = []
    /// Lives in the order they began.
    var traces: [MemberTrace] = []
    var doubled: [DoubledRequest] = []
    /// Views of the group under load in order of time; the last was taken when everything had healed.
    var views: [GroupView] = []
    /// The generation before the first change.
    var firstGeneration = 0
    /// Names of the groups there are at the end.
    var finalGroups: Set<String> = []
    /// Sender-IDs by member as `gcksctl member list` has them at the end.
    var finalMembers: [String: [UInt32]] = [:]
    /// Members whose process runs at the end.
    var running: Set<String> = []
    /// Members that are excluded at the end.
    var excluded: Set<String> = []
    /// When no authority had a majority.
    var minorities: [ClosedRange<Int>] = []
    var endings: [ProcessEnding] = []
    /// Largest resident memory of each process, octets.
    var resident: [String: Int] = [:]
    /// Rows of the members' decryption tables: `SPIi,SPIr,...`, by member.
    var keyRows: [String: [String]] = [:]
    let group = "keyid:market-data"
    let groupName = "market-data"
}

/// How a process ended.
struct ProcessEnding: Hashable, Sendable {
    enum How: Hashable, Sendable {
        case exit(Int32)
        case signal(Int32)
    }

    let name: String
    let how: How
    /// We had sent it a signal that ends it, or asked it to end.
    let wasAsked: Bool
}
