import Foundation
import Testing

@Suite struct LawTests {
    private func faults(_ law: (Repository.Source) -> [String]) -> [String] { Repository.sources().flatMap(law) }

    private func sample(_ path: String, _ text: String) -> Repository.Source {
        Repository.Source(path: path, text: text)
    }

    @Test func thereAreSourcesToHoldTheLawsTo() {
        #expect(Repository.sources().count > 150)
    }

    @Test func importsGoDownward() {
        #expect(faults(Laws.importFaults) == [])
        #expect(Laws.importFaults(sample("Sources/Base/Octets/X.swift", "package import KeyMaterial")).count == 1)
        #expect(Laws.importFaults(sample("Sources/Roles/MemberCore/X.swift", "import AuthorityCore")).count == 1)
        #expect(Laws.importFaults(sample("Sources/Roles/MemberCore/X.swift", "import Settings")).count == 1)
        #expect(Laws.importFaults(sample("Sources/Adapters/Settings/X.swift", "import IKEExchange")).count == 1)
        #expect(Laws.importFaults(sample("Sources/Adapters/Settings/X.swift", "import Telemetry")).count == 1)
        #expect(Laws.importFaults(sample("Sources/Protocol/IKEWire/X.swift", "import IKECrypto")).count == 1)
        #expect(Laws.importFaults(sample("Sources/Roles/MemberCore/X.swift", "import IKEExchange")).isEmpty)
    }

    @Test func coresArePure() {
        #expect(faults(Laws.purityFaults) == [])
        #expect(Laws.purityFaults(sample("Sources/Roles/MemberCore/X.swift", "import Foundation")).count == 1)
        #expect(Laws.purityFaults(sample("Sources/Protocol/IKEWire/X.swift", "let now = Date()")).count == 1)
        #expect(Laws.purityFaults(sample("Sources/Roles/MemberCore/X.swift", "Task { }")).count == 1)
    }

    @Test func onlyTheStoreMakesReceipts() {
        #expect(faults(Laws.receiptFaults) == [])
        let forged = sample("Sources/Programs/gcks-authority/X.swift", "CommitReceipt(term: t, index: 1)")
        #expect(Laws.receiptFaults(forged).count == 1)
    }

    @Test func nothingTrapsOrPrints() {
        #expect(faults(Laws.trapFaults) == [])
        #expect(Laws.trapFaults(sample("Sources/Base/Octets/X.swift", "let x = try! f()")).count == 1)
        #expect(Laws.trapFaults(sample("Sources/Base/Octets/X.swift", "print(key)")).count == 1)
        #expect(Laws.trapFaults(sample("Sources/Base/Octets/X.swift", "fingerprint(key)")).isEmpty)
        #expect(Laws.trapFaults(sample("Sources/Base/Octets/X.swift", "// print(key)")).isEmpty)
    }

    @Test func filesStaySmallAndFinished() {
        #expect(faults(Laws.sizeFaults) == [])
        #expect(faults(Laws.leftoverFaults) == [])
        #expect(Laws.sizeFaults(sample("Sources/X.swift", String(repeating: "\n", count: 700))).count == 1)
        #expect(Laws.leftoverFaults(sample("Sources/X.swift", "// TO" + "DO later")).count == 1)
    }

    @Test func theTopLevelHoldsWhatItShould() throws {
        let allowed: Set<String> = ["Package.swift", "Sources", "Tests", "Cluster", "Config", "Tools", "README.md"]
        let names = try FileManager.default.contentsOfDirectory(atPath: Repository.root.path)
        let odd = names.filter { !$0.hasPrefix(".") && !allowed.contains($0) && $0 != "Package.resolved" }
        #expect(odd == [])
    }

    @Test func theMapNamesEveryRoomAndOnlyLivingPaths() {
        let map = Repository.text("Sources/README.md")
        for room in Laws.floors.values.flatMap({ $0 }) {
            #expect(map.contains("`\(room)`"), "\(room) is not on the map")
        }
        let paths = map.split(whereSeparator: { " |`()\n".contains($0) }).map(String.init)
            .filter {
                $0.hasPrefix("Sources/") || $0.hasPrefix("Tests/") || $0.hasPrefix("Tools/") || $0.hasPrefix("Cluster/")
            }
        #expect(paths.count > 20)
        for path in Set(paths) { #expect(Repository.exists(path), "\(path) is on the map and not in the house") }
    }

    @Test func thePlanHasARoomForEveryFolder() throws {
        let plan = Repository.text("Package.swift")
        for (floor, rooms) in Laws.floors {
            let folders = try FileManager.default.contentsOfDirectory(
                atPath: Repository.root.appendingPathComponent("Sources/\(floor)").path)
            #expect(Set(folders) == Set(rooms), "Sources/\(floor)")
            for room in rooms { #expect(plan.contains("\"\(room)\"")) }
        }
    }
}
