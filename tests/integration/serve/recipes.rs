//! The recipes of tests/clients/README.md: what the page shows is what `tests/clients/run` executes.

use super::endpoint::Endpoint;
use std::path::Path;

#[test]
fn the_page_shows_the_files_that_are_executed() {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let read = |name: &str| std::fs::read_to_string(clients.join(name)).expect("a file of the repository");
    let page = read("README.md");
    for (language, recipe) in [("python", "test_quota.py"), ("js", "quota.test.mjs"), ("rust", "quota.rs")] {
        let (_, block) = page.split_once(&format!("```{language}\n")).expect("a block");
        let (block, _) = block.split_once("```\n").expect("its end");
        assert!(block == read(&format!("recipes/{recipe}")), "the recipe `{recipe}` and the page differ");
    }
}

#[test]
fn each_endpoint_that_is_shown_starts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let help = std::fs::read_to_string(root.join("tests/cmd/serve.trycmd")).expect("the pinned help");
    let mut started = 0;
    for page in [include_str!("../../../README.md"), include_str!("../../clients/README.md"), &help] {
        // The pinned help has its backslashes turned round.
        let joined = page.replace(" \\\n", " ").replace(" /\n", " ");
        let shown = joined.lines().filter_map(|line| line.trim_start().strip_prefix("quotasim serve "));
        for line in shown.filter(|line| !line.starts_with("[OPTIONS]")) {
            let words = line.split_whitespace().take_while(|word| !matches!(*word, ">" | "&"));
            // Each takes a free port, and leaves no recording behind.
            let mut options: Vec<&str> = words.collect();
            if let Some(place) = options.iter().position(|word| *word == "--record") {
                options.drain(place..place + 2);
            }
            if let Some(place) = options.iter().position(|word| *word == "--port") {
                options.drain(place..place + 2);
            }
            let endpoint = Endpoint::in_repository(&options);
            assert_eq!(endpoint.send("GET", "/_quotasim/state", &[], "").status, 200, "{line}");
            started += 1;
        }
    }
    assert!(started >= 6, "{started}");
}
