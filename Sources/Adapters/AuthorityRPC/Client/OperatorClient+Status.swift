package import GroupModel

extension OperatorClient {
    /// The leader's view, with the reachability of every target as seen from here, within that time whatever the targets do: one
    /// that is frozen, slow or gone is unreachable in what is returned.
    ///
    /// Fails only when nothing is configured or the caller may not ask.
    package func statusOfAll(within patience: Duration) async throws(OperatorFailure) -> ClusterStatus {
        guard !link.targets.isEmpty else { throw .unavailable("no authority is configured") }
        let answers = await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, target) in link.targets.enumerated() {
                group.addTask {
                    let answer = await InTime.run(patience) { await ask(target, .status, within: patience) }
                    return (index, answer ?? .broken("no answer in \(patience)", wasReached: false))
                }
            }
            return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        var merger = StatusMerger()
        for (index, target) in link.targets.enumerated() {
            switch answers[index] {
            case .reply(.status(let status))?: merger.answered(target.name, status)
            case .failed(.notLeader(let hint))?: merger.follows(target.name, hint)
            case .failed(.notAuthorised(let reason))?: throw .notAuthorised("\(target.name): \(reason)")
            case .failed(let failure)?: merger.unreachable(target.name, "\(failure)", wasReached: true)
            case .broken(let reason, let wasReached)?:
                merger.unreachable(target.name, reason, wasReached: wasReached)
            case .reply?, nil: merger.unreachable(target.name, "no status in the answer", wasReached: true)
            }
        }
        return merger.seenFromHere()
    }
}

extension OperatorClient {
    /// Who asks, as the first authority that answers sees it; it need not lead.
    package func whoAmI() async throws(OperatorFailure) -> OperatorIdentity {
        var reasons: [String] = []
        for (name, answer) in await identities() {
            switch answer {
            case .success(let identity): return identity
            case .failure(.notAuthorised(let reason)): throw .notAuthorised(reason)
            case .failure(let failure): reasons.append("\(name): \(failure)")
            }
        }
        throw .unavailable(reasons.isEmpty ? "no authority is configured" : reasons.joined(separator: "; "))
    }

    /// What every target says of itself and of the asker, in the order of the targets.
    package func identities() async -> [(name: String, answer: Result<OperatorIdentity, OperatorFailure>)] {
        let patience = timeout
        let answers = await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, target) in link.targets.enumerated() {
                group.addTask {
                    let answer = await InTime.run(patience) { await ask(target, .whoAmI, within: patience) }
                    return (index, answer ?? .broken("no answer in \(patience)", wasReached: false))
                }
            }
            return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        return link.targets.enumerated().map { index, target in
            switch answers[index] {
            case .reply(.identity(let identity))?: (target.name, .success(identity))
            case .failed(let failure)?: (target.name, .failure(failure))
            case .broken(let reason, wasReached: _)?: (target.name, .failure(.unavailable(reason)))
            case .reply?, nil: (target.name, .failure(.unavailable("an answer of another kind")))
            }
        }
    }
}

/// Work that may hang where cancelling does not help, such as a connection to a process that is stopped.
package enum InTime {
    /// The result, or nil when it is not there in time; the work is then cancelled and left to itself.
    package static func run<Result: Sendable>(
        _ patience: Duration, _ work: @escaping @Sendable () async -> Result
    ) async -> Result? {
        let (results, output) = AsyncStream<Result?>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let running = Task { output.yield(await work()) }
        let alarm = Task {
            try? await Task.sleep(for: patience)
            output.yield(nil)
        }
        defer {
            running.cancel()
            alarm.cancel()
            output.finish()
        }
        for await result in results { return result }
        return nil
    }
}
