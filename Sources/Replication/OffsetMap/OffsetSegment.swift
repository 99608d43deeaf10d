/// Source offsets and the target offsets of their copies: `count` pieces of `length` records each.
///
/// Piece *k* begins at source offset `source + k × stride` and target offset `target + k × length`. One piece is a
/// stretch without holes; several are a source with a regular pattern, such as transactions of one size with a marker
/// behind each, whose copies lie side by side on the target.
///
/// ```
///   source  ▓▓▓░▓▓▓░▓▓▓░      length 3, stride 4, count 3
///   target  ▓▓▓▓▓▓▓▓▓
/// ```
package struct OffsetSegment: Hashable, Sendable {
    package var source: Int64
    package var target: Int64
    package var length: Int64
    package var stride: Int64
    package var count: Int64 = 1

    package init(source: Int64, target: Int64, length: Int64) {
        self.source = source
        self.target = target
        self.length = length
        stride = length
    }

    package init(source: Int64, target: Int64, length: Int64, stride: Int64, count: Int64) {
        self.source = source
        self.target = target
        self.length = length
        self.stride = stride
        self.count = count
    }

    /// Source offset behind the last record.
    package var sourceEnd: Int64 { source + (count - 1) * stride + length }
    /// Target offset behind the last copy.
    package var targetEnd: Int64 { target + count * length }

    /// A record and its copy.
    package struct Pair: Hashable, Sendable {
        package var source: Int64
        package var target: Int64

        package init(source: Int64, target: Int64) {
            self.source = source
            self.target = target
        }
    }

    /// The first record at or after a source offset below ``sourceEnd``.
    func first(fromSource offset: Int64) -> Pair {
        guard offset > source else { return Pair(source: source, target: target) }
        let (piece, place) = (offset - source).quotientAndRemainder(dividingBy: stride)
        guard place < length else {
            return Pair(source: source + (piece + 1) * stride, target: target + (piece + 1) * length)
        }
        return Pair(source: offset, target: target + piece * length + place)
    }

    /// The first record whose copy is at or after a target offset below ``targetEnd``.
    func first(fromTarget offset: Int64) -> Pair {
        guard offset > target else { return Pair(source: source, target: target) }
        let (piece, place) = (offset - target).quotientAndRemainder(dividingBy: length)
        return Pair(source: source + piece * stride + place, target: offset)
    }

    /// Takes `next` in as a further piece, if it continues the pattern.
    mutating func fold(_ next: OffsetSegment) -> Bool {
        guard next.count == 1, next.length == length, next.target == targetEnd else { return false }
        let distance = next.source - source
        guard count == 1 || distance == count * stride else { return false }
        if count == 1 { stride = distance }
        count += 1
        return true
    }

    /// The part of it below a source offset that lies behind its first record.
    func prefix(belowSource offset: Int64) -> [OffsetSegment] {
        guard offset < sourceEnd else { return [self] }
        let (whole, place) = (offset - source).quotientAndRemainder(dividingBy: stride)
        return pieces(whole, partial: min(place, length))
    }

    /// The part of it below a target offset that lies behind its first copy.
    func prefix(belowTarget offset: Int64) -> [OffsetSegment] {
        guard offset < targetEnd else { return [self] }
        let (whole, place) = (offset - target).quotientAndRemainder(dividingBy: length)
        return pieces(whole, partial: place)
    }

    private func pieces(_ whole: Int64, partial: Int64) -> [OffsetSegment] {
        var left: [OffsetSegment] = []
        if whole == 1 {
            left.append(OffsetSegment(source: source, target: target, length: length))
        } else if whole > 1 {
            left.append(OffsetSegment(source: source, target: target, length: length, stride: stride, count: whole))
        }
        if partial > 0 {
            left.append(
                OffsetSegment(source: source + whole * stride, target: target + whole * length, length: partial))
        }
        return left
    }
}
