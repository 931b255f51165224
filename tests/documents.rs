//! What README and docs say: pipeline files that are right, links that lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::picture::jpeg;
use crate::support::tls::Ca;
use crate::support::{Folder, mattebox, repository, stderr, stdout};

/// Folders of papers, relative to the repository.
const FOLDERS: [&str; 5] = [
    "docs",
    "docs/guide",
    "docs/guide/write-a-filter",
    "docs/design",
    "docs/reference",
];

/// Every Markdown file that people read, with its text.
fn papers() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> = ["README", "CHANGELOG", "CONTRIBUTING", "SECURITY"]
        .iter()
        .map(|name| repository(&format!("{name}.md")))
        .collect();
    let decisions = "docs/design/decisions";
    for folder in FOLDERS.into_iter().chain([decisions]) {
        let entries = fs::read_dir(repository(folder)).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        paths.extend(files.filter(|path| path.extension().is_some_and(|it| it == "md")));
    }
    let crates = ["filter-sdk", "filters/examples", "jpeg-splice"];
    paths.extend(crates.map(|folder| repository(&format!("{folder}/README.md"))));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// The fenced blocks of `language` in `text`, each with the number of its line.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let fence = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line == fence {
            let inside = lines.by_ref().map(|(_, line)| line);
            let block: Vec<_> = inside.take_while(|line| *line != "```").collect();
            blocks.push((at + 1, block.join("\n") + "\n"));
        }
    }
    blocks
}

/// A whole pipeline file around `block`: a pipeline file itself, steps of a chain, a stream's keys,
/// or the keys beside `streams`.
fn whole(block: &str) -> String {
    let first = block.trim_start();
    let around = if block.contains("\nstreams:") || block.starts_with("streams:") {
        ""
    } else if first.starts_with("- ") {
        "streams:\n  front:\n    filters:\n"
    } else if block.starts_with(' ') {
        "streams:\n  front:\n"
    } else {
        return format!("{block}streams: {{ front: }}\n");
    };
    format!("{around}{block}")
}

/// A folder with the files that the papers' pipelines name.
fn folder_for(pipeline: &str) -> Folder {
    let folder = Folder::with(pipeline);
    folder.write("frames/1.jpg", jpeg("420.jpg"));
    folder.write("logo.png", fs::read(repository("static/logo.png")).unwrap());
    let font = repository("filters/text-box/font/DejaVuSansMono.ttf");
    folder.write("font.ttf", fs::read(font).unwrap());
    // The filter that README has written; this one has a setting of that name, too.
    let filter = fs::read(repository("filters/prebuilt/timestamp.wasm")).unwrap();
    let built = "border/target/wasm32-unknown-unknown/release/border.wasm";
    folder.write(built, filter);
    // In the place of the example, which takes minutes to build: it inspects, too.
    let detector = fs::read(repository("filters/prebuilt/motion.wasm")).unwrap();
    folder.write("face-detector.wasm", detector);
    let issued = Ca::new().issue("cam.example.org");
    folder.write("cert.pem", issued.cert);
    folder.write("key.pem", issued.key);
    for name in ["admin.token", "ada.hash", "proxy.secret", "vera.password"] {
        folder.write(name, "0123456789abcdef");
    }
    folder
}

fn check(folder: &Folder) -> Output {
    let mut command = mattebox();
    command.current_dir(folder.path()).arg("check");
    for name in ["ADMIN", "DOOR_PASSWORD", "FRONT_PASSWORD", "GRAFANA_TOKEN"] {
        command.env(name, "0123456789abcdef");
    }
    command.output().unwrap()
}

/// The faults that `check` finds that don't come from what this build lacks.
fn faults(output: &Output) -> String {
    let text = stderr(output);
    let lines = text.lines().filter(|line| line.contains(".yaml:"));
    let lines = lines.filter(|line| !line.contains("this build of mattebox has no"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_pipeline_in_the_papers_is_right() {
    let mut count = 0;
    for (path, text) in papers() {
        for (line, block) in blocks(&text, "yaml") {
            let output = check(&folder_for(&whole(&block)));
            let wrong = faults(&output);
            assert!(wrong.is_empty(), "{}:{line}: {wrong}", path.display());
            let is_read = output.status.success() || stderr(&output).contains("this build of");
            assert!(is_read, "{}:{line}: {}", path.display(), stderr(&output));
            count += 1;
        }
    }
    assert!(count >= 8, "{count}");
}

#[test]
fn the_mistake_in_readme_is_told_as_readme_says() {
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    let (_, pipeline) = blocks(&readme, "yaml").remove(0);
    let (_, console) = blocks(&readme, "console").remove(0);
    let told = console.strip_prefix("$ mattebox check\n").unwrap();
    let output = check(&folder_for(&pipeline.replace("opacity", "opacty")));
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert_eq!(stderr(&output), told);
}

/// What headings are called in addresses, by GitHub's rule.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// `text` without what stands in fences.
fn prose(text: &str) -> String {
    let parts = text.split("```").step_by(2);
    parts.collect()
}

/// The targets of links in `text` that lead into the repository.
fn links(text: &str) -> Vec<&str> {
    let targets = text
        .split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap());
    targets.filter(|target| !target.contains("://")).collect()
}

fn leads_somewhere(from: &Path, target: &str) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => from.to_owned(),
        file => from.parent().unwrap().join(file),
    };
    if heading.is_empty() {
        return path.exists();
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    let text = prose(&text);
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    headings.any(|line| anchor(line) == heading)
}

#[test]
fn every_link_in_the_papers_leads_somewhere() {
    for (path, text) in papers() {
        for target in links(&prose(&text)) {
            assert!(
                leads_somewhere(&path, target),
                "{}: {target}",
                path.display()
            );
        }
    }
}

/// The folders that papers name files in.
const TOP: [&str; 8] = [
    ".ci/",
    "docs/",
    "filter-sdk/",
    "filters/",
    "fuzz/",
    "jpeg-splice/",
    "server/",
    "tests/",
];

/// The files of the repository that `text` names in code, such as `tests/soak.py --minutes 2`; not
/// those with a place for a name.
fn named_files(text: &str) -> Vec<&str> {
    let code = text.split('`').skip(1).step_by(2);
    let words = code.filter_map(|code| code.split_whitespace().next());
    let is_file = |word: &&str| TOP.iter().any(|top| word.starts_with(top));
    let is_one = |word: &&str| !word.contains('*') && !word.contains("NAME");
    words.filter(is_file).filter(is_one).collect()
}

#[test]
fn every_file_that_the_papers_name_is_there() {
    let mut count = 0;
    for (path, text) in papers() {
        let text = prose(&text);
        for file in named_files(&text) {
            assert!(repository(file).exists(), "{}: {file}", path.display());
            count += 1;
        }
    }
    assert!(count >= 30, "{count}");
}
