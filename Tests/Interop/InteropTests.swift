import TestKit
import Testing

/// strongSwan, an IKEv2 implementation of other hands, against ours: scripts `Cluster/scenario-strongswan-ROLE.sh`, where each
/// end has a network namespace of its own.
@Suite(
    .serialized,
    .enabled(
        if: ScenarioScript.mayHaveNamespaces,
        "strongSwan is not tried: this machine does not permit network namespaces (unshare --net)"))
struct InteropTests {
    @Test func strongSwanEstablishesIKESAsWithOurFrontends() { run("strongswan-initiator") }

    @Test func strongSwanAnswersOurInitiator() { run("strongswan-responder") }

    private func run(_ name: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let script = ScenarioScript.run(name)
        #expect(script.held, "\(name):\n\(script.output)", sourceLocation: sourceLocation)
    }
}
