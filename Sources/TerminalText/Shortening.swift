extension String {
    /// The text in at most as many characters: the middle of a longer one gives way to `…`, since names differ most at
    /// their ends.
    package func shortenedInTheMiddle(to width: Int) -> String {
        guard count > width else { return self }
        guard width > 1 else { return width == 1 ? "…" : "" }
        let head = width / 2
        return prefix(head) + "…" + suffix(width - head - 1)
    }

    /// The text in at most as many characters: the end of a longer one gives way to `…`.
    package func shortenedAtTheEnd(to width: Int) -> String {
        guard count > width else { return self }
        return width > 0 ? prefix(width - 1) + "…" : ""
    }

    /// The text in lines of at most as many characters, broken at spaces; a word that is longer is broken where it must
    /// be. Lines behind the first begin with the indentation.
    package func wrapped(to width: Int, indentation: String = "") -> [String] {
        guard count > width, width > indentation.count else { return [self] }
        // Spaces in front belong to the text.
        let margin = prefix { $0 == " " }
        var lines: [String] = []
        var line = String(margin)
        var isEmpty = true
        for word in dropFirst(margin.count).split(separator: " ") {
            var word = word
            if !isEmpty {
                if line.count + 1 + word.count <= width {
                    line += " " + word
                    continue
                }
                lines.append(line)
                line = indentation
            }
            while line.count + word.count > width, line.count < width {
                let room = width - line.count
                lines.append(line + word.prefix(room))
                word = word.dropFirst(room)
                line = indentation
            }
            line += word
            isEmpty = false
        }
        return lines + [line]
    }
}
