import IKEExchange

/// What a member keeps at most, and how long it waits.
package enum MemberLimits {
    /// Groups one member follows.
    package static let groups = 64
    /// Rekey SAs of one group: the one in force and those that wait for GWP_DTD.
    static let rekeySAs = 4
    /// Data-Security SAs of one group, with those that wait for their end.
    static let dataSAs = 512
    /// GSA_REKEY datagrams that came before the registration answer with their Rekey SA (fact sheet G.13).
    static let earlyDatagrams = 64
    static let earlyDatagramLife = Duration.seconds(10)
    /// The order of seconds that RFC 9838 2.4.3 recommends before a re-registration, against a stampede.
    static let reregistrationSpread = Duration.seconds(5)
    /// The same for an SPI that nobody authenticated or promised, and the least time between two such questions.
    static let unknownSPISpread = Duration.seconds(180)
    static let unknownSPIPause = Duration.seconds(600)
    /// Between two re-registrations of one group whose outcome changed nothing: doubled each time from least to most.
    static let reregistrationPauseLeast = Duration.seconds(10)
    static let reregistrationPauseMost = Duration.seconds(600)
    /// A registration that the GCKS refused for good is tried again this much later: an operator may have changed a rule.
    static let refusedRegistrationPause = Duration.seconds(300)
    static let temporaryRefusalPause = Duration.seconds(2)
    /// Sequence reports: after so many packets; in an interval when there were more than the least; tried again after a pause.
    static let reportPackets: UInt64 = 1 << 30
    static let reportPacketsLeast: UInt64 = 1 << 24
    static let reportInterval = Duration.seconds(60)
    static let reportPause = Duration.seconds(10)
    /// SPIs on a group's address that are no reason to ask again.
    static let quietSPIs = 32
    /// Rekey SAs of a group's past that a late answer could name.
    static let replacedSPIs = 32
    /// How long a member that stops waits for the GCKS to note its leave.
    static let stopTime = Duration.seconds(5)
    /// Between attempts to reach a frontend: doubled each time from least to most, and half of it jittered.
    static let connectionPauseLeast = Duration.milliseconds(500)
    static let connectionPauseMost = Duration.seconds(60)
    /// Where another frontend can be asked, a silent one is left after 3 s in IKE_SA_INIT and after 4.5 s in what follows: that is
    /// more than the 4 s after which a frontend without its authority says so.
    static var patienceAmongSeveral: Retransmission {
        var patience = Retransmission()
        patience.longest = .milliseconds(1500)
        (patience.initialTries, patience.tries) = (3, 4)
        return patience
    }
    /// IKE SAs that rekeys left and that have not ended, beside the one in force.
    static let besides = 4
    /// From TEMPORARY_FAILURE to the next try of a rekey, and as much again at random.
    static let rekeyRetry = Duration.seconds(10)
    /// REDIRECTs that are followed within the window (RFC 5685 4).
    static let redirects = 5
    static let redirectWindow = Duration.seconds(300)
    /// Soft lifetime: a twentieth of the lifetime before its end, and at most this long.
    static let softMarginMost = Duration.seconds(300)
    static let softMarginDivisor = 20
}
