import TestKit
import Testing

/// Whole clusters of real processes on loopback, each a script `Cluster/scenario-NAME.sh` in a network namespace of its own.
///
/// One after another: each of them is bounded in time by how fast its processes answer on a small machine.
@Suite(.serialized)
struct ScenarioTests {
    @Test func tsharkDecryptsWhatTheKeyLogOpens() { run("capture") }

    @Test func membersUseTheOtherFrontendWhenOneIsKilled() { run("frontend-kill") }

    @Test func membersStayBehindABalancerThatSendsEachDatagramToARandomFrontend() { run("balancer") }

    @Test func aDrainedFrontendLosesNobody() { run("drain") }

    @Test func ikeSAsGetNewKeysWhileTheyStand() { run("ike-rekey") }

    @Test func nothingAcknowledgedIsLostWhenTheLeaderIsKilled() { run("authority-kill") }

    @Test func anAuthorityOutlivesItsStoreProcess() { run("store-kill") }

    @Test func aFrontendSurvivesHostileDatagrams() { run("hostile") }

    @Test func badInputIsRefusedWithAReason() { run("bad-input") }

    @Test func everyProgramShowsMetricsAndHealth() { run("metrics") }

    @Test func programsServeUnderAServiceManager() { run("service") }

    @Test(.enabled(if: ScenarioScript.mayHaveNamespaces, "network namespaces"))
    func rekeysLeaveWhateverHappensToABroadcaster() { run("broadcaster") }

    @Test func theCommandLineSaysWhatItSaid() { run("cli") }

    @Test func theStatusAnswersWithinASecond() { run("status") }

    @Test func whatTheDocumentsSayWorks() { run("docs") }

    @Test func anExcludedMemberIsOutAndTheOthersGoOn() { run("evict") }

    @Test func withAKeyTreeTheOthersFollowByMulticast() { run("evict-tree") }

    @Test func aClusterGrowsAndReplacesItsNodes() { run("membership") }

    @Test func aStoreOfTheFirstReleaseIsUpgraded() { run("upgrade") }

    @Test func theRootKeyIsRotatedWhileMembersRegister() { run("root-key") }

    @Test func aSenderThatBeginsAnewGetsNewKeys() { run("senders") }

    @Test func theDemoEndsWell() { run("demo") }

    @Test func leadershipGoesWhereOperatorsWantIt() { run("transfer") }

    @Test func aLeaderWithAFullDiskGivesWay() { run("disk-full") }

    @Test func aBackupIsRestoredAndNothingOfTheOldClusterComesBack() { run("backup") }

    @Test func oneOfThreeGoesOnAloneWhenTheOthersAreLost() { run("force-new") }

    private func run(_ name: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let script = ScenarioScript.run(name)
        #expect(script.held, "\(name):\n\(script.output)", sourceLocation: sourceLocation)
    }
}
