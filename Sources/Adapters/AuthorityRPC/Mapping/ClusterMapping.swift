package import GroupModel
import IKEVocabulary

// Nodes, leadership and what became of changes, both ways.

extension NodeReport {
    package init(_ wire: Gcks_V1_NodeReport) throws(ContractError) {
        self.init(
            name: try checkedText(wire.name, "NodeReport.name"), id: wire.id,
            leader: wire.hasLeader ? try checkedText(wire.leader, "NodeReport.leader") : nil,
            isLeading: wire.isLeading, term: wire.hasTerm ? wire.term : nil,
            leadingSince: wire.hasLeadingSinceMilliseconds
                ? try checkedTime(wire.leadingSinceMilliseconds, "NodeReport.leading_since_milliseconds") : nil,
            drained: try checkedList(
                wire.drained, "NodeReport.drained", atMost: Limits.logNodes
            ) { name throws(ContractError) in try checkedText(name, "NodeReport.drained") },
            nodes: try checkedList(
                wire.nodes, "NodeReport.nodes", atMost: Limits.logNodes
            ) { node throws(ContractError) in
                NodeReport.LogNode(
                    id: node.id, name: try checkedText(node.name, "LogNode.name"),
                    role: try checkedText(node.role, "LogNode.role"))
            },
            keptBack: wire.hasKeptBack
                ? try checkedText(wire.keptBack, "NodeReport.kept_back", atMost: Limits.textOctets) : nil,
            diskFault: wire.hasDiskFault
                ? try checkedText(wire.diskFault, "NodeReport.disk_fault", atMost: Limits.textOctets) : nil,
            diskFreeOctets: wire.diskFreeOctets)
        copy = CopyReport(
            beat: wire.hasBeat ? wire.beat : nil,
            beatAge: wire.hasBeatAgeMilliseconds ? .milliseconds(wire.beatAgeMilliseconds) : nil,
            comparison: wire.hasComparison ? try CopyReport.Comparison(wire.comparison) : nil)
    }
}

extension Gcks_V1_NodeReport {
    package init(_ report: NodeReport) {
        self.init()
        name = report.name
        id = report.id
        if let leader = report.leader { self.leader = leader }
        isLeading = report.isLeading
        if let term = report.term { self.term = term }
        if let since = report.leadingSince { leadingSinceMilliseconds = since.milliseconds }
        drained = report.drained
        nodes = report.nodes.map { node in
            var wire = Gcks_V1_LogNode()
            wire.id = node.id
            wire.name = node.name
            wire.role = node.role
            return wire
        }
        if let why = report.keptBack { keptBack = why }
        if let why = report.diskFault { diskFault = why }
        diskFreeOctets = report.diskFreeOctets
        if let beat = report.copy.beat { self.beat = beat }
        if let age = report.copy.beatAge { beatAgeMilliseconds = wireNanoseconds(age) / 1_000_000 }
        if let comparison = report.copy.comparison { self.comparison = Gcks_V1_Comparison(comparison) }
    }
}

extension CopyReport.Comparison {
    init(_ wire: Gcks_V1_Comparison) throws(ContractError) {
        self.init(
            checkpoint: wire.checkpoint,
            verdict: try closedEnum(
                wire.verdict, "Comparison.verdict", among: CopyReport.Verdict.allCases, Gcks_V1_Comparison.Verdict.init),
            at: try checkedTime(wire.atMilliseconds, "Comparison.at_milliseconds"))
    }
}

extension Gcks_V1_Comparison {
    init(_ comparison: CopyReport.Comparison) {
        self.init()
        checkpoint = comparison.checkpoint
        verdict = Verdict(comparison.verdict)
        atMilliseconds = comparison.at.milliseconds
    }
}

extension Gcks_V1_Comparison.Verdict {
    init(_ verdict: CopyReport.Verdict) {
        switch verdict {
        case .leader: self = .leader
        case .equal: self = .equal
        case .differs: self = .differs
        case .missed: self = .missed
        }
    }
}

extension RequestOutcome {
    package init(_ wire: Gcks_V1_OutcomeReply) throws(ContractError) {
        switch wire.state {
        case .done:
            self = .done(
                at: try checkedTime(wire.atMilliseconds, "OutcomeReply.at_milliseconds"),
                kind: try checkedText(wire.kind, "OutcomeReply.kind"),
                lines: try checkedList(
                    wire.lines, "OutcomeReply.lines", atMost: Limits.lines
                ) { line throws(ContractError) in
                    try checkedText(line, "OutcomeReply.lines", atMost: Limits.textOctets)
                })
        case .waiting: self = .waiting
        case .notDone: self = .notDone
        case .unspecified, .UNRECOGNIZED: throw ContractError("OutcomeReply.state", .unknownValue)
        }
    }
}

extension Gcks_V1_OutcomeReply {
    package init(_ outcome: RequestOutcome) {
        self.init()
        switch outcome {
        case .done(let at, let kind, let lines):
            state = .done
            atMilliseconds = at.milliseconds
            self.kind = kind
            self.lines = lines
        case .waiting: state = .waiting
        case .notDone: state = .notDone
        }
    }
}
