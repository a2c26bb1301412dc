//! Bundler: joins the dashboard's modules into few chunks, so that a page needs few requests.
//!
//! `web/` has plain ES modules, which also run unbundled (`VIGIE_WEB_DIR`). An *entry* is `app.js`, or a module that another
//! one loads by `import("…")`: a page, a language. Each entry becomes one chunk under its own path. A chunk has the modules
//! that only this entry uses, in order of dependency, each as a function that returns its exports; then the entry's text.
//! Modules of several entries are in `app.js`, which exports them.
//!
//! Always: each module runs once, as it does unbundled; its text is unchanged apart from `import` and `export` lines.
//! Never: a guess. An unsupported form of import or export fails the build.

use std::collections::{BTreeMap, BTreeSet};

/// Contents by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Entry that the page loads first.
const APP: &str = "app.js";

/// Source of a module.
struct Module {
    text: String,
    /// Paths of its static imports.
    imports: Vec<String>,
    /// Paths of its dynamic imports.
    loads: Vec<String>,
}

type Modules = BTreeMap<String, Module>;

/// Replaces the modules among the files by their chunks.
pub fn join(files: &mut Files) -> Result<(), String> {
    let modules = modules(files)?;
    let mut entries: BTreeSet<&str> = BTreeSet::from([APP]);
    entries.extend(modules.values().flat_map(|module| module.loads.iter().map(String::as_str)));
    let homes = homes(&modules, &entries)?;
    for path in modules.keys() {
        files.remove(path);
    }
    for entry in entries {
        files.insert(entry.to_owned(), chunk(entry, &modules, &homes)?.into_bytes());
    }
    Ok(())
}

fn modules(files: &Files) -> Result<Modules, String> {
    let mut modules = Modules::new();
    for (path, bytes) in files.iter().filter(|(path, _)| is_module(path)) {
        let text =
            String::from_utf8(bytes.clone()).map_err(|_| format!("web/{path}: not UTF-8"))?;
        let (mut imports, mut loads) = (Vec::new(), Vec::new());
        for line in text.lines() {
            if line.starts_with("import ") {
                imports.push(imported(path, line)?.1);
            }
            for rest in without_comments(line).split("import(\"").skip(1) {
                loads.push(resolved(path, rest.split('"').next().unwrap_or_default())?);
            }
        }
        modules.insert(path.clone(), Module { text, imports, loads });
    }
    match modules
        .values()
        .flat_map(|it| it.imports.iter().chain(&it.loads))
        .find(|it| !modules.contains_key(*it))
    {
        Some(missing) => Err(format!("web/{missing} is imported and does not exist")),
        None => Ok(modules),
    }
}

fn is_module(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == "js")
}

/// A line without its `/* … */` comments; empty for a line that is a comment or part of one.
fn without_comments(line: &str) -> String {
    let start = line.trim_start();
    if start.starts_with("//") || start.starts_with('*') {
        return String::new();
    }
    let mut parts = line.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    first
        + &parts.filter_map(|part| part.split_once("*/")).map(|(_, rest)| rest).collect::<String>()
}

/// Names and resolved path of `import NAMES from "PATH";`.
fn imported<'a>(path: &str, line: &'a str) -> Result<(&'a str, String), String> {
    let parts = line
        .strip_prefix("import ")
        .and_then(|rest| rest.strip_suffix("\";")?.split_once(" from \""));
    let (names, from) = parts
        .ok_or_else(|| format!("web/{path}: write `import … from \"…\";` in one line: {line}"))?;
    Ok((names, resolved(path, from)?))
}

/// Path of a relative import in a module.
fn resolved(path: &str, name: &str) -> Result<String, String> {
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    for part in name.split('/') {
        match part {
            "." => {}
            ".." if folders.pop().is_some() => {}
            ".." => return Err(format!("web/{path}: {name} is outside of web/")),
            _ => folders.push(part),
        }
    }
    Ok(folders.join("/"))
}

/// Entry whose chunk has each module.
fn homes<'a>(
    modules: &'a Modules,
    entries: &BTreeSet<&'a str>,
) -> Result<BTreeMap<&'a str, &'a str>, String> {
    let mut homes: BTreeMap<&str, &str> = BTreeMap::new();
    for entry in entries {
        for path in ordered(entry, modules)? {
            if path != *entry && entries.contains(path) {
                return Err(format!(
                    "web/{entry} imports web/{path}, which is loaded by import(\"…\") as well"
                ));
            }
            homes.entry(path).and_modify(|home| *home = APP).or_insert(entry);
        }
    }
    // A path in `import("…")` is relative to the chunk that has the module.
    let is_moved = |path: &str, home: &str| {
        path.rsplit_once('/').map(|it| it.0) != home.rsplit_once('/').map(|it| it.0)
    };
    for (path, home) in &homes {
        let module = &modules[*path];
        if path != home
            && (module.text.contains("import.meta")
                || (!module.loads.is_empty() && is_moved(path, home)))
        {
            return Err(format!(
                "web/{path} is moved to web/{home}: no `import.meta`, and `import(\"…\")` only from the same folder"
            ));
        }
    }
    Ok(homes)
}

/// A module and its static imports, in order of dependency.
fn ordered<'a>(entry: &'a str, modules: &'a Modules) -> Result<Vec<&'a str>, String> {
    fn visit<'a>(
        path: &'a str,
        modules: &'a Modules,
        open: &mut Vec<&'a str>,
        done: &mut Vec<&'a str>,
    ) -> Result<(), String> {
        if done.contains(&path) {
            return Ok(());
        }
        if open.contains(&path) {
            return Err(format!("web/{path} imports itself, by way of {}", open.join(", ")));
        }
        open.push(path);
        for next in modules.get(path).iter().flat_map(|module| &module.imports) {
            visit(next, modules, open, done)?;
        }
        open.pop();
        done.push(path);
        Ok(())
    }
    let mut done = Vec::new();
    visit(entry, modules, &mut Vec::new(), &mut done)?;
    Ok(done)
}

fn chunk(entry: &str, modules: &Modules, homes: &BTreeMap<&str, &str>) -> Result<String, String> {
    let order = ordered(entry, modules)?;
    let mut text = String::new();
    let shared: Vec<_> =
        order.iter().filter(|path| homes[**path] != entry).map(|path| variable(path)).collect();
    if !shared.is_empty() {
        let up = "../".repeat(entry.matches('/').count());
        let here = if up.is_empty() { "./" } else { "" };
        text += &format!("import {{ {} }} from \"{here}{up}{APP}\";\n", shared.join(", "));
    }
    // All modules of this chunk, in order of dependency.
    let mut own: Vec<&str> = Vec::new();
    for of in homes.iter().filter(|(_, home)| **home == entry).map(|(path, _)| *path) {
        own.extend(ordered(of, modules)?.into_iter().filter(|path| homes[*path] == entry));
    }
    let mut seen = BTreeSet::from([entry]);
    for path in own.into_iter().filter(|path| seen.insert(*path)) {
        text += &wrapped(path, &modules[path])?;
    }
    for line in modules[entry].text.lines() {
        text += &without_import(entry, line)?;
    }
    if entry == APP {
        let mut exported: Vec<_> =
            seen.into_iter().filter(|path| *path != entry).map(variable).collect();
        exported.sort_unstable();
        text += &format!("export {{ {} }};\n", exported.join(", "));
    }
    Ok(text)
}

/// Variable of a module's exports in a chunk: `$views_fleetrow`.
fn variable(path: &str) -> String {
    let name: String = path
        .trim_end_matches(".js")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    format!("${name}")
}

/// Translates an import for a chunk; returns other lines unchanged.
fn without_import(path: &str, line: &str) -> Result<String, String> {
    if !line.starts_with("import ") {
        return Ok(format!("{line}\n"));
    }
    let (names, from) = imported(path, line)?;
    let names = match names.strip_prefix("* as ") {
        Some(all) => all.to_owned(),
        None if names.starts_with('{') => names.replace(" as ", ": "),
        None => format!("{{ default: {names} }}"),
    };
    Ok(format!("const {names} = {};\n", variable(&from)))
}

/// Source of a module as a function that returns its exports.
fn wrapped(path: &str, module: &Module) -> Result<String, String> {
    let mut exported = Vec::new();
    let mut text = format!("const {} = (() => {{\n// {path}\n", variable(path));
    for line in module.text.lines() {
        let Some(declared) = line.strip_prefix("export ") else {
            text += &without_import(path, line)?;
            continue;
        };
        if let Some(value) = declared.strip_prefix("default ") {
            exported.push("default: $default".to_owned());
            text += &format!("const $default = {value}\n");
            continue;
        }
        let kinds = ["function ", "async function ", "class ", "const "];
        let name = kinds.iter().find_map(|kind| declared.strip_prefix(kind));
        let name: String = name
            .unwrap_or_default()
            .chars()
            .take_while(|c| c.is_alphanumeric() || "_$".contains(*c))
            .collect();
        if name.is_empty() {
            return Err(format!("web/{path}: export a function, class, const or default: {line}"));
        }
        exported.push(name);
        text += &format!("{declared}\n");
    }
    Ok(format!("{text}return {{ {} }};\n}})();\n", exported.join(", ")))
}
