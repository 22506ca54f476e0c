//! The recipes of tests/clients/README.md: what the page shows is what `tests/clients/run` executes.

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
