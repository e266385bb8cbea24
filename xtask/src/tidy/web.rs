//! Who may import whom in the web app.
//!
//! Owns two rules: `ui` imports nothing of ours but `ui` itself, so that a part can be shown alone,
//! and only `state` imports the client package, so that there is one place where the app meets the
//! wire. It reads import paths only, never what is imported.

use super::Finding;
use super::source::{Language, Source};

/// Checks the imports of one file of the app.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let Some(inside) = source.path.strip_prefix("web/src/") else {
        return Vec::new();
    };
    if source.language != Language::Web {
        return Vec::new();
    }
    let folder = source
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        let Some(import) = imported(line) else {
            continue;
        };
        let target = resolve(folder, import);
        if inside.starts_with("ui/") && is_ours(&target) && !target.starts_with("web/src/ui/") {
            findings.push(Finding::error(
                &source.path,
                number + 1,
                format!("ui imports nothing of ours, but `{import}`: pass it in as a property"),
            ));
        } else if !inside.starts_with("state/") && is_client(&target) {
            findings.push(Finding::error(
                &source.path,
                number + 1,
                format!("only web/src/state imports the client, but `{import}`: go through state"),
            ));
        }
    }
    findings
}

/// The path that a line imports, if it imports one.
fn imported(line: &str) -> Option<&str> {
    let line = line.trim();
    let at = if line.starts_with("//") || line.starts_with('*') {
        return None;
    } else if let Some(at) = line.find("import(") {
        at + "import(".len()
    } else if let Some(at) = line.rfind(" from ") {
        at + " from ".len()
    } else if let Some(rest) = line.strip_prefix("from ") {
        line.len() - rest.len()
    } else if let Some(rest) = line.strip_prefix("import ") {
        line.len() - rest.len()
    } else {
        return None;
    };
    let rest = line[at..].trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split(quote).next()
}

/// A path relative to a folder, from the root; any other import as it stands.
pub(super) fn resolve(folder: &str, import: &str) -> String {
    if !import.starts_with('.') {
        return import.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn is_ours(target: &str) -> bool {
    [
        "web/",
        "packages/",
        "@tidings/",
        "$",
        "~",
        "@/",
        "/",
        "src/",
    ]
    .iter()
    .any(|start| target.starts_with(start))
}

fn is_client(target: &str) -> bool {
    let name = target.strip_prefix("@tidings/client");
    name.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || target.starts_with("packages/client")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn a_part_knows_only_parts() {
        let path = "web/src/ui/Button.svelte";
        assert_eq!(count(path, "import Icon from './Icon.svelte';\n"), 0);
        assert_eq!(count(path, "import { onMount } from 'svelte';\n"), 0);
        assert_eq!(count(path, "import { rooms } from '../state/rooms';\n"), 1);
        assert_eq!(
            count(
                path,
                "import {\n  rooms,\n} from '../features/rooms/list';\n"
            ),
            1
        );
        assert_eq!(
            count(path, "import type { Room } from '@tidings/protocol';\n"),
            1
        );
        assert_eq!(count(path, "import x from '$state/rooms';\n"), 1);
        assert_eq!(
            count(
                "web/src/ui/menu/Menu.svelte",
                "import B from \"../Button.svelte\";\n"
            ),
            0
        );
    }

    #[test]
    fn only_state_meets_the_client() {
        let text = "import { Client } from '@tidings/client';\n";
        assert_eq!(count("web/src/state/session.ts", text), 0);
        assert_eq!(count("web/src/features/timeline/a.ts", text), 1);
        assert_eq!(
            count(
                "web/src/app/main.ts",
                "const c = await import('@tidings/client/node');\n"
            ),
            1
        );
        assert_eq!(
            count(
                "web/src/app/main.ts",
                "import '../../../packages/client/src/session';\n"
            ),
            1
        );
        assert_eq!(
            count(
                "web/src/app/main.ts",
                "import x from '@tidings/client-like';\n"
            ),
            0
        );
        assert_eq!(count("packages/client/src/a.ts", text), 0);
    }
}
