//! The `quotasim` command.

fn main() -> std::process::ExitCode {
    quotasim::cli::main()
}
