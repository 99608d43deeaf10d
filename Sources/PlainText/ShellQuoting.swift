extension StringProtocol {
    /// The text as one word of a shell, whatever is in it: commands that we suggest hold names that others have chosen.
    package var shellQuoted: String {
        var result = "'"
        // Scalar by scalar: a quotation mark with an accent behind it is another character for Swift, not for a shell.
        for scalar in unicodeScalars {
            if scalar == "'" {
                result += "'\\''"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result + "'"
    }
}
