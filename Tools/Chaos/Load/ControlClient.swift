import Foundation
import Glibc

/// Runs gcksctl on the operator's node.
struct ControlClient: Sendable {
    struct Answer: Sendable {
        /// Exit code; -1 when a signal ended it.
        let code: Int32
        let output: [UInt8]
        let errors: String
    }

    let lab: Lab

    func run(_ arguments: [String], timeout: Int = 4) -> Answer {
        let base = "\(lab.folder)/op/\(getpid())-\(UInt64.random(in: .min ... .max))"
        let (output, errors) = (base + ".out", base + ".err")
        defer { for file in [output, errors] { unlink(file) } }
        let command = ["\(lab.bin)/gcksctl"] + arguments + ["--config", "\(lab.folder)/etc/gcksctl.yaml"]
        do {
            let child = try lab.start(
                command + ["--timeout", "\(timeout)"], on: "operator", output: output, errors: errors)
            let how = child.wait(atMost: timeout * 1000 + 6000)
            let code: Int32 = if case .exit(let code) = how { code } else { -1 }
            let text = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
            return Answer(
                code: code, output: [UInt8](FileManager.default.contents(atPath: output) ?? Data()), errors: text)
        } catch {
            return Answer(code: -1, output: [], errors: "\(error)")
        }
    }

    /// The items of `-o json`; nil when there is no answer.
    func items<Item: Decodable>(_ arguments: [String], _ type: Item.Type) -> [Item]? {
        let answer = run(arguments + ["-o", "json"])
        return try? JSONDecoder().decode(Document<Item>.self, from: Data(answer.output)).items
    }

    func knows(_ command: [String]) -> Bool {
        let answer = run(command + ["--help"])
        return answer.code == 0
            && String(decoding: answer.output, as: UTF8.self).contains("gcksctl " + command.joined(separator: " "))
    }
}

private struct Document<Item: Decodable>: Decodable { let items: [Item] }

struct ShownAssociation: Decodable {
    let spi: String
    let key_check_value: String
    let next_message_id: UInt32?
}

struct ShownGroup: Decodable {
    struct Definition: Decodable { let member_limit: Int }
    let name: String
    let generation: Int
    let rekey_sa: ShownAssociation?
    let data_sas: [ShownAssociation]
    let definition: Definition

    func view(at time: Int) -> GroupView {
        var associations: [String: String] = [:]
        for sa in data_sas { associations["data \(sa.spi)"] = sa.key_check_value }
        if let rekey_sa { associations["rekey \(rekey_sa.spi)"] = rekey_sa.key_check_value }
        return GroupView(
            time: time, name: name, generation: generation, memberLimit: definition.member_limit,
            associations: associations, rekeySPI: rekey_sa?.spi, nextMessageID: rekey_sa?.next_message_id)
    }
}

struct ShownMember: Decodable {
    let identity: String
    let state: String
    let sender_ids: [UInt32]
}

struct ShownStatus: Decodable {
    let leader: String?
    let reachable: Int
}
