package import IKEVocabulary

/// What a cluster is made again from. There is no key in it: a restored cluster makes new ones.
package struct BackupDocument: Hashable, Sendable {
    /// The cluster's audit id and the head of its trail when the backup was made.
    package var cluster: String
    package var trail: AuditPlace
    package var life: ClusterLife
    package var madeAt: WallTime
    /// The authority that made it.
    package var authority: String
    package var groups: [GroupBackup]

    package init(
        cluster: String, trail: AuditPlace, life: ClusterLife, madeAt: WallTime, authority: String,
        groups: [GroupBackup]
    ) {
        self.cluster = cluster
        self.trail = trail
        self.life = life
        self.madeAt = madeAt
        self.authority = authority
        self.groups = groups
    }
}

/// A group without its keys and members: members register again.
package struct GroupBackup: Hashable, Sendable {
    package var definition: GroupDefinition
    package var generation: GSAGeneration
    /// Counting goes on from here, although the new Data-Security SAs would permit to begin anew.
    package var nextSenderID: UInt64
    package var schedule: RekeySchedule
    package var exclusions: [ExclusionRow]
    /// Of every Data-Security SA there was, retired ones included.
    package var dataSPIs: [ESPSPI]
    package var members: Int

    package init(
        definition: GroupDefinition, generation: GSAGeneration, nextSenderID: UInt64, schedule: RekeySchedule,
        exclusions: [ExclusionRow], dataSPIs: [ESPSPI], members: Int
    ) {
        self.definition = definition
        self.generation = generation
        self.nextSenderID = nextSenderID
        self.schedule = schedule
        self.exclusions = exclusions
        self.dataSPIs = dataSPIs
        self.members = members
    }
}

package enum BackupRequest: Hashable, Sendable {
    case create
    /// Into a cluster without groups. The life to begin; the one after the backup's when nil.
    case restore(BackupDocument, life: ClusterLife?, Mandate)

    package var mandate: Mandate? { if case .restore(_, _, let mandate) = self { mandate } else { nil } }
    package var dangerLevel: DangerLevel { if case .restore = self { .irreversible } else { .read } }
    package var action: String { if case .restore = self { "backup-restore" } else { "backup-create" } }
}
