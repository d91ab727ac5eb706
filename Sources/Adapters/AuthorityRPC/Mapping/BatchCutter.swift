/// Cuts a list into messages: at most `Limits.batchItems` items, and no more items once `Limits.batchOctets` is reached.
struct BatchCutter<Item>: Sequence, IteratorProtocol {
    private var rest: ArraySlice<Item>
    private let octets: (Item) -> Int

    init(_ items: [Item], octets: @escaping (Item) -> Int) {
        rest = items[...]
        self.octets = octets
    }

    mutating func next() -> [Item]? {
        guard !rest.isEmpty else { return nil }
        var (count, sum) = (0, 0)
        for item in rest.prefix(Limits.batchItems) {
            sum += octets(item)
            guard count == 0 || sum <= Limits.batchOctets else { break }
            count += 1
        }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
