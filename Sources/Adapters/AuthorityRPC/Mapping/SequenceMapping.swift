import Foundation
import GroupModel
import IKEVocabulary

extension SequenceReport {
    init(_ wire: Gcks_V1_SequenceReport) throws(ContractError) {
        guard wire.spi >= ESPSPI.firstUsable else { throw ContractError("SequenceReport.spi", .outOfRange) }
        self.init(
            spi: ESPSPI(rawValue: wire.spi), counter: wire.counter, next: wire.next, isFinal: wire.isFinal)
    }
}

extension Gcks_V1_SequenceReport {
    init(_ report: SequenceReport) {
        self.init()
        spi = report.spi.rawValue
        counter = report.counter
        next = report.next
        isFinal = report.isFinal
    }
}

extension SequenceStatus {
    /// - Parameter group: the one that was asked about.
    init(_ wire: Gcks_V1_SequenceStatus, of group: GroupName) throws(ContractError) {
        let text = try checkedText(wire.spi, "SequenceStatus.spi")
        var row: SequenceRow?
        if wire.hasReport {
            guard let spi = UInt32(text, radix: 16) else { throw ContractError("SequenceStatus.spi", .outOfRange) }
            let report = wire.report
            row = SequenceRow(
                group: group, spi: ESPSPI(rawValue: spi), next: report.next, counter: report.counter,
                at: try checkedTime(report.atMilliseconds, "SequencePosition.at_milliseconds"),
                earlierNext: report.earlierNext,
                earlierAt: try checkedTime(report.earlierAtMilliseconds, "SequencePosition.earlier_at_milliseconds"))
        }
        self.init(
            dataSA: try checkedText(wire.dataSa, "SequenceStatus.data_sa"), spi: text,
            sender: wire.hasSender ? try Identity(wire.sender) : nil, report: row)
    }
}

extension Gcks_V1_SequenceStatus {
    init(_ status: SequenceStatus) {
        self.init()
        dataSa = status.dataSA
        spi = status.spi
        if let holder = status.sender { sender = Gcks_V1_Identity(holder) }
        guard let row = status.report else { return }
        report.next = row.next
        report.counter = row.counter
        report.atMilliseconds = row.at.milliseconds
        report.earlierNext = row.earlierNext
        report.earlierAtMilliseconds = row.earlierAt.milliseconds
    }
}
