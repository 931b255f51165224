//! The `mattebox` command; everything is in the library.

fn main() -> std::process::ExitCode {
    mattebox::cli::run()
}
