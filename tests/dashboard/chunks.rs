//! The build's bundling of the dashboard's modules: few files with the same behaviour.

#[path = "../../build/chunks.rs"]
mod joining;

use std::process::Command;

use joining::{Files, join};

use super::support::{Home, require};

const APP: &str = r#"
import { count, NAME as name } from "./shared.js";
/** @typedef {import("./types.js").Type} Type `import("./no.js")` */
export const loads = { page: () => import("./views/page.js"), other: () => import("./views/other.js") };
async function start() {
  count(1);
  for (const load of Object.values(loads)) (await load()).open();
  console.log(name, count(0));
}
void start();
"#;

const PAGE: &str = r#"
import words from "../words.js";
import * as parts from "./parts.js";
import { count } from "../shared.js";
export function open() {
  console.log(words.title, parts.part(), count(10));
}
"#;

const OTHER: &str = r#"
import { twice } from "../both.js";
export const open = () => console.log(twice());
"#;

const PARTS: &str = r#"
import { twice } from "../both.js";
const name = "of the parts alone";
export function part() {
  return name + twice();
}
"#;

fn files(of: &[(&str, &str)]) -> Files {
    of.iter().map(|(path, text)| ((*path).to_owned(), text.trim_start().into())).collect()
}

fn dashboard() -> Files {
    files(&[
        ("app.js", APP),
        (
            "both.js",
            "import { count } from \"./shared.js\";\nexport const twice = () => count(100);\n",
        ),
        (
            "shared.js",
            "let sum = 0;\nexport const NAME = \"sum\";\nexport function count(by) {\n  return (sum += by);\n}\n",
        ),
        ("words.js", "export default {\n  title: \"Title\",\n};\n"),
        ("views/page.js", PAGE),
        ("views/parts.js", PARTS),
        ("views/other.js", OTHER),
        ("css/base.css", "a {}\n"),
    ])
}

#[test]
fn each_entry_is_one_file_and_shared_modules_are_in_the_first() {
    let mut joined = dashboard();
    join(&mut joined).expect("modules that can be joined");
    let paths: Vec<_> = joined.keys().map(String::as_str).collect();
    assert_eq!(paths, ["app.js", "css/base.css", "views/other.js", "views/page.js"]);
    let text = |path: &str| String::from_utf8(joined[path].clone()).expect("UTF-8");
    assert!(text("app.js").contains("export { $both, $shared };"), "{}", text("app.js"));
    assert!(text("views/page.js").contains("const $views_parts = (() => {"));
    assert!(!text("views/other.js").contains("of the parts alone"));
}

#[test]
fn joined_modules_behave_as_before() {
    if !require(&["node"]) {
        return;
    }
    let said = |files: &Files| {
        let home = Home::new();
        for (path, bytes) in files {
            let file = home.path(path);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder is made");
            std::fs::write(file, bytes).expect("a file is written");
        }
        home.write("package.json", "{ \"type\": \"module\" }");
        let run = Command::new("node").arg(home.path("app.js")).output().expect("node runs");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).expect("UTF-8")
    };
    let mut joined = dashboard();
    join(&mut joined).expect("modules that can be joined");
    let before = said(&dashboard());
    assert_eq!(before, "Title of the parts alone101 111\n211\nsum 211\n");
    assert_eq!(said(&joined), before);
}

#[test]
fn modules_that_cant_be_joined_fail_the_build() {
    for (path, text, why) in [
        (
            "a.js",
            "import { x } from \"./none.js\";\n",
            "web/none.js is imported and does not exist",
        ),
        ("a.js", "import {\n  x } from \"./b.js\";\n", "in one line"),
        ("a.js", "export let x = 1;\n", "web/a.js: export a function, class, const or default"),
        ("a.js", "export * from \"./shared.js\";\n", "web/a.js: export a function"),
        ("a.js", "import { app } from \"./app.js\";\nexport const x = 1;\n", "imports itself"),
        ("a.js", "export const x = import.meta.url;\n", "web/a.js is moved to web/app.js"),
        (
            "a.js",
            "import { open } from \"./views/page.js\";\nexport const x = 1;\n",
            "is loaded by import",
        ),
        ("a.js", "export const x = 1;\nimport { x } from \"../../b.js\";\n", "outside of web/"),
    ] {
        let mut files = dashboard();
        let app = format!("import {{ x }} from \"./{path}\";\n{APP}");
        files.insert("app.js".into(), app.into());
        files.insert(path.into(), text.into());
        let refused = join(&mut files).expect_err(text);
        assert!(refused.contains(why), "{text}: {refused}");
    }
}
