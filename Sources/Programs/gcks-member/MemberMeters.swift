import GroupModel
import IKEVocabulary
import MemberCore
import Telemetry

/// What a member counts beside its core. Groups are those of its settings, by their identification.
struct MemberMeters {
    private(set) var registered: [String: Bool]
    private(set) var rekeysReceived = LabelledCounter(limit: MemberLimits.groups)
    private(set) var rekeysDropped = LabelledCounter(limit: MemberLimits.groups)
    private(set) var reregistrations = LabelledCounter(limit: MemberLimits.groups * 8)
    private(set) var refusals = LabelledCounter(limit: MemberLimits.groups)
    private(set) var sas: [String: (rekey: Set<GroupSAReference>, data: Set<GroupSAReference>)] = [:]

    init(groups: [Identity]) {
        registered = Dictionary(groups.map { ("\($0)", false) }) { first, _ in first }
    }

    mutating func note(_ event: Event) {
        guard let group = event.fields.first(where: { $0.key == "group" })?.value, registered[group] != nil else {
            return
        }
        let why = event.fields.first { $0.key == "why" }?.value ?? ""
        switch event.name {
        case "group-registered": registered[group] = true
        case "group-left", "group-excluded": registered[group] = false
        case "rekey-received": rekeysReceived.add(group)
        case "rekey-dropped", "rekey-unusable": rekeysDropped.add(group)
        case "reregistration-planned": reregistrations.add(group, why)
        case "registration-refused": refusals.add(group)
        default: break
        }
    }

    mutating func installed(_ sa: GroupSAReference) { change(sa) { $0.insert(sa) } }
    mutating func removed(_ sa: GroupSAReference) { change(sa) { $0.remove(sa) } }

    private mutating func change(_ sa: GroupSAReference, _ change: (inout Set<GroupSAReference>) -> Void) {
        var held = sas["\(sa.group)"] ?? ([], [])
        switch sa {
        case .rekey: change(&held.rekey)
        case .data: change(&held.data)
        }
        sas["\(sa.group)"] = held
    }

    /// A group without any SA is not one we are in, whatever was granted before.
    func isIn(_ group: String) -> Bool { registered[group] == true && sas[group].map { !$0.data.isEmpty } ?? false }
}
