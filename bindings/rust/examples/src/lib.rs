// SPDX-License-Identifier: MIT
//! What the examples share: how they end.
use std::error::Error;
use std::process::ExitCode;

/// What an example's main function gives back.
pub type Outcome = Result<(), Box<dyn Error>>;

/// Runs an example with its words. `None` says that the words are wrong.
pub fn run(name: &str, usage: &str, example: impl FnOnce(&[&str]) -> Option<Outcome>) -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match example(&words) {
        None => {
            eprintln!("usage: {} {}", name, usage);
            ExitCode::from(2)
        }
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("{}: {}", name, error);
            ExitCode::FAILURE
        }
    }
}

/// A number greater than 0.
pub fn number(word: &str) -> Option<u64> {
    word.parse().ok().filter(|&number| number > 0)
}
