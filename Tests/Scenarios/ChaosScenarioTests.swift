import TestKit
import Testing

/// Short runs of `Tools/chaos`: real processes in namespaces, faults by a fixed seed.
@Suite(
    .serialized,
    .enabled(if: ScenarioScript.mayHaveTAPDevices, "no network namespaces with TAP devices on this machine"))
struct ChaosScenarioTests {
    @Test func everyPromiseHoldsUnderFaults() {
        let script = ScenarioScript.run("chaos")
        #expect(script.held, "\(script.output)")
        #expect(script.output.contains("holds  acknowledged changes that are lost"))
    }

    @Test func whatIsBrokenOnPurposeIsFound() {
        let script = ScenarioScript.run("chaos-canary")
        #expect(script.held, "\(script.output)")
        #expect(script.output.split(separator: "\n").count { $0.hasSuffix(": caught") } == 2)
    }
}
