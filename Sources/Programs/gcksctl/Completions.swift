import AuthorityRPC
import Dispatch
import GroupModel
import IKEVocabulary
import Settings
import Synchronization

/// Names for the shell, asked of the cluster that the command line so far would reach. Silence is a good answer: a shell that waits is not.
enum Completions {
    static let patience = Duration.milliseconds(700)

    static let groups: @Sendable ([String], Int, String) -> [String] = { words, _, _ in
        live(words, .groupList) { reply in
            guard case .groups(let groups) = reply else { return [] }
            return groups.map { $0.definition.name.text }
        }
    }

    static let members: @Sendable ([String], Int, String) -> [String] = { words, _, _ in
        live(words, .memberList(nil)) { reply in
            guard case .members(let members) = reply else { return [] }
            return Set(members.map { $0.identity.description }).sorted()
        }
    }

    static let nodes: @Sendable ([String], Int, String) -> [String] = { words, _, _ in
        live(words, .status) { reply in
            guard case .status(let status) = reply else { return [] }
            return status.nodes.map(\.name)
        }
    }

    static let frontends: @Sendable ([String], Int, String) -> [String] = { words, _, _ in
        live(words, .status) { reply in
            guard case .status(let status) = reply else { return [] }
            return status.frontends.map(\.name)
        }
    }

    static let contexts: @Sendable ([String], Int, String) -> [String] = { words, _, _ in
        guard let file = ControlFile.path(value(of: "--config", in: words)),
            let known = try? ControlFile.contexts(file)
        else { return [] }
        return known.contexts.map(\.name)
    }

    static let kinds: @Sendable ([String], Int, String) -> [String] = { _, _, _ in Schemas.kinds }

    private static func live(
        _ words: [String], _ request: OperatorRequest, _ names: @escaping @Sendable (OperatorReply) -> [String]
    ) -> [String] {
        let authorities = values(of: "--authority", in: words).compactMap { TargetArgument(argument: $0)?.target }
        guard
            var reach = try? ControlFile.reach(
                value(of: "--config", in: words), context: value(of: "--context", in: words),
                needed: authorities.isEmpty)
        else { return [] }
        if !authorities.isEmpty { reach.link.targets = authorities }
        let client = OperatorClient(link: reach.link, timeout: patience)
        let found = Mutex<[String]>([])
        let answered = DispatchSemaphore(value: 0)
        // Not structured: a connection that does not close must not hold up the shell.
        Task.detached {
            if let reply = try? await client.perform(request) {
                let list = names(reply)
                found.withLock { $0 = list }
            }
            answered.signal()
        }
        _ = answered.wait(timeout: .now() + .milliseconds(900))
        // What is not a plain word would be read by the shell.
        return found.withLock { $0 }.filter { name in
            name.utf8.allSatisfy { isPlain($0) }
        }
    }

    private static func isPlain(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x41...0x5a).contains(octet) || (0x61...0x7a).contains(octet)
            || Array("-_.:@/+".utf8).contains(octet)
    }

    private static func value(of option: String, in words: [String]) -> String? { values(of: option, in: words).last }

    private static func values(of option: String, in words: [String]) -> [String] {
        words.indices.compactMap { index in
            if words[index].hasPrefix(option + "=") { return String(words[index].dropFirst(option.count + 1)) }
            let next = index + 1
            return words[index] == option && next < words.count ? words[next] : nil
        }
    }
}
