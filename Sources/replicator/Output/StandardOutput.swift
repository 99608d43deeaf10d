internal import Glibc

/// Standard output for what is said while it happens: each line is written at once, also into a pipe.
enum StandardOutput {
    static func say(_ line: String) {
        print(line)
        fflush(nil)
    }
}
