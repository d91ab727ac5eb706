import Glibc
import TestKit
import Testing

/// Whole clusters of real processes on loopback, each a script `Cluster/scenario-NAME.sh` in a network namespace of its own.
///
/// One after another: each of them is bounded in time by how fast its processes answer on a small machine.
@Suite(.serialized)
struct ScenarioTests {
    @Test func tsharkDecryptsWhatTheKeyLogOpens() { run("capture") }

    @Test func membersUseTheOtherFrontendWhenOneIsKilled() { run("frontend-kill") }

    @Test func nothingAcknowledgedIsLostWhenTheLeaderIsKilled() { run("authority-kill") }

    @Test func anAuthorityOutlivesItsStoreProcess() { run("store-kill") }

    @Test func aFrontendSurvivesHostileDatagrams() { run("hostile") }

    @Test func badInputIsRefusedWithAReason() { run("bad-input") }

    @Test func theDemoEndsWell() { run("demo") }

    private func run(_ name: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let script = BuiltProducts.checkout + "/Cluster/scenario-\(name).sh"
        let output = Output.of("GCKS_BIN='\(BuiltProducts.folder)' timeout -k 10 150 bash '\(script)' 2>&1")
        #expect(output.code == 0, "\(name):\n\(output.text)", sourceLocation: sourceLocation)
        #expect(!output.text.contains("FAILED"), "\(name):\n\(output.text)", sourceLocation: sourceLocation)
    }
}

/// What a shell command printed and how it ended.
private struct Output {
    var text: String
    var code: Int32

    static func of(_ command: String) -> Output {
        guard let pipe = popen(command, "r") else { return Output(text: "cannot start a shell", code: -1) }
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { octets += chunk.prefix(count) }
        let status = pclose(pipe)
        return Output(text: String(decoding: octets, as: UTF8.self), code: status & 0x7f == 0 ? status >> 8 : -1)
    }
}
