import IKEVocabulary
import IKEWire
import Octets
import Testing

@Suite struct ESNReportTests {
    private let vector: [UInt8] = [
        1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 2, 0x40, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x6a, 0xb1, 0x3b, 0x80,
    ]

    private func notify(
        _ data: [UInt8], spi: [UInt8] = [0, 0x10, 0, 1], securityProtocol: SecurityProtocol = .esp,
        _ type: NotifyType = .esnReport
    ) -> NotifyPayload {
        NotifyPayload(type, data: data, securityProtocol: securityProtocol, spi: spi)
    }

    private func changed(_ index: Int, _ octet: UInt8) -> [UInt8] {
        var data = vector
        data[index] = octet
        return data
    }

    @Test func theVectorIsReadAndMade() throws {
        let report = try ESNReport(notify(vector))
        #expect(
            report
                == ESNReport(
                    spi: ESPSPI(rawValue: 0x0010_0001), isFinal: false, counter: 7, nextNumber: 0x2_4000_0001,
                    senderID: nil, seconds: 0x6ab1_3b80))
        #expect(report.notify == notify(vector))
        #expect(try ESNReport(notify(changed(1, 1))).isFinal)
        #expect(try ESNReport(notify(changed(16, 0))).senderID == SenderID(rawValue: 0x00ff_ffff))
        for flagged in [changed(1, 1), changed(16, 0)] {
            #expect(try ESNReport(notify(flagged)).notify == notify(flagged))
        }
    }

    @Test func everyPrefixAndEveryFaultIsRefused() {
        for count in 0..<vector.count {
            #expect(throws: WireError.self) { try ESNReport(notify(Array(vector.prefix(count)))) }
        }
        let faults = [
            notify(vector + [0]), notify(changed(0, 0)), notify(changed(0, 2)), notify(changed(1, 2)),
            notify(changed(2, 1)), notify(changed(3, 1)), notify(vector, spi: [0, 0, 0, 255]), notify(vector, spi: []),
            notify(vector, spi: [0, 0x10, 0, 1, 0]), notify(vector, securityProtocol: .ah),
            notify(vector, securityProtocol: .none), notify(vector, NotifyType(rawValue: 61441)),
        ]
        for fault in faults { #expect(throws: WireError.self) { try ESNReport(fault) } }
    }
}
