import GroupModel
import IKEVocabulary

/// When the sender of an SA tells the GCKS how far it is (fact sheet I.5): right after first use, at every 2^30 packets, and in
/// time while it sends.
struct SequenceReporter: Sendable {
    private var next: UInt64 = 0
    private var reported: UInt64 = 0
    private var counter: UInt32 = 0
    private var reportedAt: Moment?
    private var underWay: UInt64?
    private var notBefore = Moment(nanoseconds: 0)
    private var isRefused = false

    var isUnderWay: Bool { underWay != nil }

    /// The data plane says which number it will send next; it never goes back on an SA.
    mutating func move(to next: UInt64) { self.next = max(self.next, next) }

    /// `.never` while nothing is to be said.
    var dueAt: Moment {
        guard !isUnderWay, !isRefused, next > max(reported, 1) else { return .never }
        guard let reportedAt else { return notBefore }
        let ahead = next - reported
        if ahead >= MemberLimits.reportPackets { return notBefore }
        return ahead > MemberLimits.reportPacketsLeast
            ? max(notBefore, reportedAt + MemberLimits.reportInterval) : .never
    }

    mutating func take(_ spi: ESPSPI) -> SequenceReport? {
        guard counter < .max else { return nil }
        counter += 1
        underWay = next
        return SequenceReport(spi: spi, counter: counter, next: next)
    }

    mutating func answered(_ refusal: NotifyType?, at now: Moment) {
        guard let value = underWay else { return }
        underWay = nil
        switch refusal {
        case nil: (reported, reportedAt) = (value, now)
        case .temporaryFailure?: notBefore = now + MemberLimits.reportPause
        default: isRefused = true
        }
    }

    /// The answer will not come any more.
    mutating func lost(at now: Moment) {
        if isUnderWay { answered(.temporaryFailure, at: now) }
    }
}

extension GroupFollower {
    var isReporting: Bool { dataSAs.contains { $0.reporter.isUnderWay } }

    /// When the next report is due; only of SAs that this member is the one sender of, and that go on.
    var reportsAt: Moment { dataSAs.filter(\.isReported).map(\.reporter.dueAt).min() ?? .never }

    mutating func move(_ spi: ESPSPI, to next: UInt64) {
        for index in dataSAs.indices where dataSAs[index].spi == spi { dataSAs[index].reporter.move(to: next) }
    }

    mutating func takeReport(at now: Moment) -> SequenceReport? {
        guard let index = dataSAs.firstIndex(where: { $0.isReported && $0.reporter.dueAt <= now }) else { return nil }
        return dataSAs[index].reporter.take(dataSAs[index].spi)
    }

    mutating func reported(_ spi: ESPSPI, _ refusal: NotifyType?, _ work: FollowerWork, at now: Moment) {
        guard let index = dataSAs.firstIndex(where: { $0.spi == spi }) else { return }
        let isCurrent = dataSAs[index].isReported
        dataSAs[index].reporter.answered(refusal, at: now)
        guard let refusal else { return }
        work.event(
            "sequence-report-not-taken", .warning, [("group", "\(group)"), ("spi", "\(spi)"), ("why", "\(refusal)")])
        // What we send on is retired there: a rekey was missed.
        if refusal == .invalidSPI, isCurrent { reregister(.missedRekey, work, at: now) }
    }

    mutating func reportsLost(at now: Moment) {
        for index in dataSAs.indices { dataSAs[index].reporter.lost(at: now) }
    }
}

extension FollowedDataSA {
    fileprivate var isReported: Bool { direction == .outbound && isSending && !isRetired }
}
