//! One file as the rules see it: its text, its code alone, and which lines are tests.
//!
//! Owns the small scanner that blanks strings and comments, so that a rule about a call does not
//! trip over the call's name in a sentence. It is not a parser and must never grow into one: what
//! it gets wrong may only hide a finding, and every blanked byte keeps its line.

/// The language of a file, as far as the rules care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    /// TypeScript, JavaScript and Svelte.
    Web,
    Other,
}

/// One file of the tree.
#[derive(Debug)]
pub(super) struct Source {
    /// From the root, with forward slashes.
    pub(super) path: String,
    pub(super) text: String,
    /// The text with the inside of strings and all comments blanked, line for line.
    pub(super) code: String,
    pub(super) language: Language,
    /// For each line, whether it belongs to a test.
    tests: Vec<bool>,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let language = if path.ends_with(".rs") {
            Language::Rust
        } else if [".ts", ".js", ".mjs", ".svelte"]
            .iter()
            .any(|end| path.ends_with(end))
        {
            Language::Web
        } else {
            Language::Other
        };
        let code = match language {
            Language::Rust => blank_rust(text),
            Language::Web => blank_web(text),
            Language::Other => text.to_owned(),
        };
        let tests = test_lines(path, language, &code);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            language,
            tests,
        }
    }

    /// The crate under `crates/` that this file belongs to.
    pub(super) fn krate(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Whether the line, counted from 0, belongs to a test.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.tests.get(line).copied().unwrap_or(false)
    }

    /// Whether a program wrote this file.
    pub(super) fn is_generated(&self) -> bool {
        self.path.contains("/generated/") || self.path.contains(".gen.")
    }

    /// Lines of the file that are not tests.
    pub(super) fn lines_outside_tests(&self) -> usize {
        let lines = self.text.lines().count();
        (0..lines).filter(|line| !self.is_test(*line)).count()
    }
}

fn is_test_path(path: &str) -> bool {
    let in_folder = path
        .split('/')
        .any(|part| matches!(part, "tests" | "test" | "e2e" | "benches"));
    let name = path.rsplit('/').next().unwrap_or(path);
    in_folder || name == "tests.rs" || name.contains(".test.") || name.contains(".spec.")
}

fn test_lines(path: &str, language: Language, code: &str) -> Vec<bool> {
    let count = code.lines().count();
    let mut tests = vec![is_test_path(path); count];
    if language != Language::Rust {
        return tests;
    }
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = item_end(code, start);
        let first = code[..start].matches('\n').count();
        let last = code[..end].matches('\n').count();
        for line in tests.iter_mut().take(last + 1).skip(first) {
            *line = true;
        }
        from = end;
    }
    tests
}

/// Where the item that an attribute stands before ends: at `;`, or at the brace that closes it.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Walks over a text, copying code and blanking the rest.
struct Blanker<'a> {
    bytes: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl<'a> Blanker<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            out: Vec::with_capacity(text.len()),
        }
    }

    fn starts(&self, with: &str) -> bool {
        self.bytes[self.at..].starts_with(with.as_bytes())
    }

    fn keep(&mut self) {
        let byte = self.bytes[self.at];
        // Beyond ASCII nothing is code that a rule looks for; a blank keeps the text UTF-8.
        self.out.push(if byte.is_ascii() { byte } else { b' ' });
        self.at += 1;
    }

    fn blank(&mut self) {
        let byte = self.bytes[self.at];
        self.out.push(if byte == b'\n' { b'\n' } else { b' ' });
        self.at += 1;
    }

    fn blank_until(&mut self, end: &str) {
        while self.at < self.bytes.len() && !self.starts(end) {
            self.blank();
        }
    }

    fn blank_many(&mut self, count: usize) {
        for _ in 0..count {
            if self.at < self.bytes.len() {
                self.blank();
            }
        }
    }

    /// A string from its opening quote to the same quote, with backslash escapes.
    fn quoted(&mut self, quote: u8, may_span_lines: bool) {
        self.keep();
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'\\' => self.blank_many(2),
                b'\n' if !may_span_lines => return,
                byte if byte == quote => return self.keep(),
                _ => self.blank(),
            }
        }
    }

    fn finish(self) -> String {
        String::from_utf8(self.out).expect("only ASCII was written")
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn blank_rust(text: &str) -> String {
    let mut walk = Blanker::new(text);
    while walk.at < walk.bytes.len() {
        let before = walk.at.checked_sub(1).map(|at| walk.bytes[at]);
        match walk.bytes[walk.at] {
            b'/' if walk.starts("//") => walk.blank_until("\n"),
            b'/' if walk.starts("/*") => {
                let mut depth = 0;
                while walk.at < walk.bytes.len() {
                    if walk.starts("/*") {
                        depth += 1;
                        walk.blank_many(2);
                    } else if walk.starts("*/") {
                        depth -= 1;
                        walk.blank_many(2);
                        if depth == 0 {
                            break;
                        }
                    } else {
                        walk.blank();
                    }
                }
            }
            b'r' if !before.is_some_and(|b| is_word(b) && b != b'b') => match raw_end(&walk) {
                Some((opening, end)) => {
                    walk.blank_many(opening);
                    walk.blank_until(&end);
                    walk.blank_many(end.len());
                }
                None => walk.keep(),
            },
            b'"' => walk.quoted(b'"', true),
            b'\'' if is_char_literal(&walk) => walk.quoted(b'\'', false),
            _ => walk.keep(),
        }
    }
    walk.finish()
}

/// For `r"…"` and `r#"…"#` at the walk's place: the opening's length and what closes it.
fn raw_end(walk: &Blanker<'_>) -> Option<(usize, String)> {
    let rest = &walk.bytes[walk.at + 1..];
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    (rest.get(hashes) == Some(&b'"')).then(|| (hashes + 2, format!("\"{}", "#".repeat(hashes))))
}

/// Tells `'a'` from the lifetime `'a`.
fn is_char_literal(walk: &Blanker<'_>) -> bool {
    let rest = &walk.bytes[walk.at + 1..];
    match rest.first() {
        Some(b'\\') => true,
        Some(byte) if byte.is_ascii() => rest.get(1) == Some(&b'\''),
        Some(_) => rest.iter().take(5).any(|byte| *byte == b'\''),
        None => false,
    }
}

fn blank_web(text: &str) -> String {
    let mut walk = Blanker::new(text);
    while walk.at < walk.bytes.len() {
        match walk.bytes[walk.at] {
            b'/' if walk.starts("//")
                && walk.at.checked_sub(1).map(|at| walk.bytes[at]) != Some(b':') =>
            {
                walk.blank_until("\n");
            }
            b'/' if walk.starts("/*") => {
                walk.blank_until("*/");
                walk.blank_many(2);
            }
            b'/' if opens_pattern(&walk) => walk.quoted(b'/', false),
            b'<' if walk.starts("<!--") => {
                walk.blank_until("-->");
                walk.blank_many(3);
            }
            b'`' => walk.quoted(b'`', true),
            quote @ (b'"' | b'\'') => walk.quoted(quote, false),
            _ => walk.keep(),
        }
    }
    walk.finish()
}

/// Whether a slash begins a regular expression: only where a value may begin.
fn opens_pattern(walk: &Blanker<'_>) -> bool {
    let before = walk.out.iter().rev().find(|byte| **byte != b' ');
    before.is_some_and(|byte| b"(,=:[!&|?;".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_of_rust_are_blank() {
        let text = "let a = \"x // dbg!(1)\"; // dbg!(2)\nlet b = r#\"dbg!(\"3\")\"#; /* a /* dbg! */ b */ f('\"', '\\'');\nfn g<'a>(x: &'a str) { h('é') }\n";
        let code = blank_rust(text);
        assert!(!code.contains("dbg!"), "{code}");
        assert!(code.contains("let b ="), "{code}");
        assert!(code.contains("fn g<'a>(x: &'a str) { h("), "{code}");
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn strings_and_comments_of_typescript_are_blank() {
        let text = "const a = 'it.skip('; // it.skip(\nconst b = `it\n.skip(`;\nconst c = /[\"'`]/.test(a);\nit.skip('x', () => {});\nconst d = \"https://x\"; it.only(d)\n";
        let code = blank_web(text);
        assert_eq!(code.matches(".skip(").count(), 1, "{code}");
        assert_eq!(code.matches(".only(").count(), 1, "{code}");
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn test_modules_and_test_files_are_known() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { if x { y } }\n}\nfn c() {}\n#[cfg(test)]\nuse d;\nfn e() {}\n";
        let source = Source::new("crates/core/src/x.rs", text);
        let lines: Vec<bool> = (0..9).map(|line| source.is_test(line)).collect();
        assert_eq!(
            lines,
            [false, true, true, true, true, false, true, true, false]
        );
        assert_eq!(source.lines_outside_tests(), 3);
        assert!(Source::new("crates/core/tests/a.rs", "fn a() {}").is_test(0));
        assert!(Source::new("crates/core/src/decide/tests.rs", "fn a() {}").is_test(0));
        assert!(Source::new("packages/client/src/a.test.ts", "x").is_test(0));
        assert!(!Source::new("packages/client/src/a.ts", "x").is_test(0));
    }

    #[test]
    fn generated_files_and_crates_are_known() {
        assert!(Source::new("packages/protocol/src/generated/api.ts", "").is_generated());
        assert!(!Source::new("packages/protocol/src/api.ts", "").is_generated());
        assert_eq!(
            Source::new("crates/sync/src/a.rs", "").krate(),
            Some("sync")
        );
        assert_eq!(Source::new("xtask/src/a.rs", "").krate(), None);
    }
}
