import ArgumentParser
import ProgramKit
import Settings
import Telemetry

@main
struct MemberProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gcks-member", abstract: "Registers with a GCKS, follows rekeys and hands SAs on.",
        subcommands: [Run.self, Probe.self], defaultSubcommand: Run.self)
}

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Be a group member until SIGTERM.")

    @Option(help: "The settings file.")
    var config = "/etc/gcks/member.yaml"

    @Flag(help: "Check the settings file and end.")
    var checkConfig = false

    func run() async throws {
        let settings = Startup.settings(config, check: checkConfig, MemberSettings.load)
        ProcessHardening.apply()
        let log = EventLog(program: "gcks-member", level: settings.logLevel)
        do {
            let member = try await Member.start(settings, path: config, log: log)
            ServiceManager.ready("\(settings.identity) started")
            await Startup.untilStopped { await member.reload() }
            ServiceManager.stopping()
            await member.stop(leaving: settings.leavesOnExit)
        } catch {
            Startup.fail("gcks-member: \(error)")
        }
    }
}

struct Probe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make one IKE SA without joining a group, say how it went, and delete it.",
        discussion:
            "Works against any IKEv2 responder that allows childless IKE_AUTH (RFC 6023). Exit code 0: established.")

    @Option(help: "The settings file.")
    var config = "/etc/gcks/member.yaml"

    @Option(help: "Seconds to wait at most.")
    var timeout = 10

    @Flag(help: "Rekey the IKE SA too, before it is deleted.")
    var rekey = false

    func run() async throws {
        let settings = Startup.settings(config, check: false, MemberSettings.load)
        ProcessHardening.apply()
        do {
            let outcome = try await ProbeDriver.run(settings, rekeys: rekey, timeout: .seconds(timeout))
            guard case .established(let text) = outcome else { Startup.fail("gcks-member: \(outcome)") }
            print(text)
        } catch {
            Startup.fail("gcks-member: \(error)")
        }
    }
}
