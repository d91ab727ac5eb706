package import GroupModel

/// What one target said of itself.
package struct NodeAnswer: Sendable {
    package let name: String
    package let report: Result<NodeReport, OperatorFailure>

    package init(name: String, report: Result<NodeReport, OperatorFailure>) {
        self.name = name
        self.report = report
    }
}

extension OperatorClient {
    /// Every target's word on itself, in the order of the targets, within that time whatever they do.
    package func nodes(within patience: Duration) async throws(OperatorFailure) -> [NodeAnswer] {
        guard !link.targets.isEmpty else { throw .unavailable("no authority is configured") }
        let answers = await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, target) in link.targets.enumerated() {
                group.addTask {
                    let answer = await InTime.run(patience) { await ask(target, .cluster(.node), within: patience) }
                    return (index, answer ?? .broken("no answer in \(patience)", wasReached: false))
                }
            }
            return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        var found: [NodeAnswer] = []
        for (index, target) in link.targets.enumerated() {
            let report: Result<NodeReport, OperatorFailure>
            switch answers[index] {
            case .reply(.cluster(.node(let answered)))?: report = .success(answered)
            case .failed(.notAuthorised(let reason))?: throw .notAuthorised("\(target.name): \(reason)")
            case .failed(let failure)?: report = .failure(failure)
            case .broken(let reason, wasReached: _)?: report = .failure(.unavailable(reason))
            case .reply?, nil: report = .failure(.unavailable("an answer of another kind"))
            }
            found.append(NodeAnswer(name: target.name, report: report))
        }
        return found
    }
}
