import GroupModel
import Testing

@testable import GroupKeying

@Suite struct KeyTreeSimulationTests {
    @Test(.timeLimit(.minutes(3))) func `a thousand members through ten thousand steps`() throws {
        var run = try KeyTreeSimulation(
            seed: 20_260, KeyTreeSimulation.Settings(), group: try #require(GroupName("demo")))
        try run.run()
        #expect(run.violations == [])
        // What it is about did happen.
        #expect(run.exclusions > 30 && run.recovered > 100 && run.restarts > 20 && run.returns > 5 && run.chains > 5)
    }

    @Test(arguments: [2, 3, 16] as [UInt8]) func `other degrees`(_ degree: UInt8) throws {
        let settings = KeyTreeSimulation.Settings(degree: degree, members: 120, steps: 1500)
        var run = try KeyTreeSimulation(
            seed: UInt64(degree), settings, group: try #require(GroupName("demo")))
        try run.run()
        #expect(run.violations == [])
        #expect(run.exclusions > 3)
    }

    @Test func `a build that wraps a changed key under the excluded leaf is caught`() throws {
        let settings = KeyTreeSimulation.Settings(members: 120, steps: 1500, isSabotaged: true)
        var run = try KeyTreeSimulation(seed: 1, settings, group: try #require(GroupName("demo")))
        try run.run()
        #expect(run.violations.contains { $0.hasPrefix("somebody who is out") })
    }
}
