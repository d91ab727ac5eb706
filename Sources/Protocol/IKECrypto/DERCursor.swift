/// Walks strict DER in a fixed array. Nil means "not the usual form", never an error of its own: whoever reads this way leaves
/// everything unusual to OpenSSL.
///
/// Limits: single-octet tags, definite minimal lengths of at most 65,535 octets.
struct DERCursor {
    /// Where an element lies in `octets`.
    struct Element {
        let whole: Range<Int>
        let content: Range<Int>
    }

    let octets: [UInt8]
    private var position: Int
    private let end: Int

    init(_ octets: [UInt8]) { self.init(octets, 0..<octets.count) }

    private init(_ octets: [UInt8], _ range: Range<Int>) {
        self.octets = octets
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position == end }
    var nextTag: UInt8? { position < end ? octets[position] : nil }

    /// The next element when it has this tag.
    mutating func read(_ tag: UInt8) -> Element? {
        guard let found = readAny(), found.tag == tag else { return nil }
        return found.element
    }

    mutating func readAny() -> (tag: UInt8, element: Element)? {
        let start = position
        guard end - position >= 2 else { return nil }
        let tag = octets[position]
        guard tag & 0x1f != 0x1f, let (length, header) = length(at: position + 1) else { return nil }
        let content = start + 1 + header
        guard length <= end - content else { return nil }
        position = content + length
        return (tag, Element(whole: start..<position, content: content..<position))
    }

    private func length(at start: Int) -> (length: Int, header: Int)? {
        let first = octets[start]
        switch first {
        case 0..<0x80: return (Int(first), 1)
        case 0x81:
            guard end - start >= 2, octets[start + 1] >= 0x80 else { return nil }
            return (Int(octets[start + 1]), 2)
        case 0x82:
            guard end - start >= 3, octets[start + 1] > 0 else { return nil }
            return (Int(octets[start + 1]) << 8 | Int(octets[start + 2]), 3)
        default: return nil
        }
    }

    /// A cursor over what an element holds. The element must come from this cursor.
    func inside(_ element: Element) -> DERCursor { DERCursor(octets, element.content) }
    func content(_ element: Element) -> [UInt8] { Array(octets[element.content]) }
    func whole(_ element: Element) -> [UInt8] { Array(octets[element.whole]) }

    /// The content of an element that must be all there is.
    static func only(_ tag: UInt8, in octets: [UInt8]) -> DERCursor? {
        var cursor = DERCursor(octets)
        guard let element = cursor.read(tag), cursor.isAtEnd else { return nil }
        return cursor.inside(element)
    }
}

enum DERTag {
    static let boolean: UInt8 = 0x01
    static let integer: UInt8 = 0x02
    static let bitString: UInt8 = 0x03
    static let octetString: UInt8 = 0x04
    static let objectIdentifier: UInt8 = 0x06
    static let utf8String: UInt8 = 0x0c
    static let printableString: UInt8 = 0x13
    static let ia5String: UInt8 = 0x16
    static let utcTime: UInt8 = 0x17
    static let generalizedTime: UInt8 = 0x18
    static let sequence: UInt8 = 0x30
    static let set: UInt8 = 0x31
    /// [n] of a constructed, or of a primitive implicit, element.
    static func constructed(_ number: UInt8) -> UInt8 { 0xa0 | number }
    static func primitive(_ number: UInt8) -> UInt8 { 0x80 | number }
}
