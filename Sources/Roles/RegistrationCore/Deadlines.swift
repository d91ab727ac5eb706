import IKEVocabulary

/// When to look at which SA again: a binary heap. Entries are never removed early; one that is out of date is skipped when it
/// comes up, so setting a timer is O(log n) and nothing scans all SAs but a rebuild, which twice as many entries pay for.
struct Deadlines {
    struct Entry {
        let at: Moment
        let spi: IKESPI
    }

    private var heap: [Entry] = []

    init() {}

    /// One entry each; what is sorted is a heap.
    init(_ entries: [Entry]) { heap = entries.sorted { $0.at < $1.at } }

    var next: Moment? { heap.first?.at }
    var count: Int { heap.count }

    mutating func add(_ spi: IKESPI, at moment: Moment) {
        heap.append(Entry(at: moment, spi: spi))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].at < heap[parent].at else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// The earliest entry that is due.
    mutating func takeDue(_ now: Moment) -> Entry? {
        guard let first = heap.first, first.at <= now, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            let (left, right) = (2 * parent + 1, 2 * parent + 2)
            var least = parent
            if left < heap.count, heap[left].at < heap[least].at { least = left }
            if right < heap.count, heap[right].at < heap[least].at { least = right }
            guard least != parent else { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return first
    }
}
