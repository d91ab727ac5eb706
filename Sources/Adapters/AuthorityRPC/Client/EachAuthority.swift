package import GroupModel

/// What each authority says of itself, leader or not. One that does not answer is told with the reason.
package enum EachAuthority {
    package struct Answer: Sendable {
        package let name: String
        package let result: Result<ProgramStatus, OperatorFailure>
    }

    /// All are asked at the same time; the answers are in the order of the targets.
    package static func program(_ link: AuthorityLink, timeout: Duration) async -> [Answer] {
        let answers = await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, target) in link.targets.enumerated() {
                group.addTask {
                    var one = link
                    one.targets = [target]
                    return (index, Answer(name: target.name, result: await ask(one, timeout)))
                }
            }
            return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        return link.targets.indices.compactMap { answers[$0] }
    }

    private static func ask(_ link: AuthorityLink, _ timeout: Duration) async -> Result<ProgramStatus, OperatorFailure>
    {
        do {
            guard
                case .upkeep(.program(let status)) = try await OperatorClient(link: link, timeout: timeout)
                    .perform(.upkeep(.program))
            else { return .failure(.unavailable("an answer of another kind")) }
            return .success(status)
        } catch {
            return .failure(error)
        }
    }
}
