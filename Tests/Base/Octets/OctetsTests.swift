import Octets
import Testing

@Suite struct OctetsTests {
    @Test func integersAreBigEndian() throws {
        var reader = OctetReader([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
        #expect(try reader.readUInt8("a") == 1)
        #expect(try reader.readUInt16("b") == 0x0203)
        #expect(try reader.readUInt32("c") == 0x0405_0607)
        #expect(try reader.readUInt64("d") == 0x0809_0a0b_0c0d_0e0f)
        #expect(reader.isAtEnd)
        var writer = OctetWriter()
        writer.writeUInt8(1)
        writer.writeUInt16(0x0203)
        writer.writeUInt32(0x0405_0607)
        writer.writeUInt64(0x0809_0a0b_0c0d_0e0f)
        #expect(writer.octets == Array(1...15))
    }

    @Test func readingBeyondTheEndNamesFieldAndPlace() throws {
        var reader = OctetReader([1, 2, 3])
        _ = try reader.readUInt16("first")
        #expect(throws: WireError(.truncated, "second", at: 2)) { _ = try reader.readUInt16("second") }
        #expect(reader.remaining == 1)
        #expect(throws: WireError(.truncated, "octets", at: 2)) { _ = try reader.readOctets(-1, "octets") }
        #expect(throws: WireError(.truncated, "octets", at: 2)) { _ = try reader.readOctets(.max, "octets") }
    }

    @Test func aPartSeesOnlyItselfAndReportsWholeOffsets() throws {
        var reader = OctetReader([9, 0, 6, 1, 2, 3, 4, 5])
        try reader.skip(1, "skip")
        let count = try reader.readLength16("length", including: 2)
        var part = try reader.readReader(count, "part")
        #expect(try part.readUInt32("inner") == 0x0102_0304)
        #expect(throws: WireError(.truncated, "more", at: 7)) { _ = try part.readUInt8("more") }
        #expect(try reader.readUInt8("after") == 5)
    }

    @Test func aLengthBelowItsHeaderIsRefused() {
        var reader = OctetReader([0, 3])
        #expect(throws: WireError(.badLength, "length", at: 0)) { _ = try reader.readLength16("length", including: 4) }
    }

    @Test func lengthsAreWrittenWhenThePartIsComplete() {
        var writer = OctetWriter()
        writer.writeLength16(including: 4) { $0.write([1, 2, 3]) }
        #expect(writer.octets == [0, 7, 1, 2, 3])
    }

    @Test func hexReadsWhatItWrites() {
        #expect(Hex.encode([0, 0x9f, 0xff]) == "009fff")
        #expect(Hex.decode("00 9F\nff") == [0, 0x9f, 0xff])
        #expect(Hex.decode("0") == nil)
        #expect(Hex.decode("zz") == nil)
    }
}
