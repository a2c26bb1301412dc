//! Build script: embeds the commit, the time of the build, and the dashboard.
//!
//! The dashboard is `web/`, with its modules bundled into a few files (`build/chunks.rs`). Each file is embedded plain and
//! gzipped. `src/web/assets.rs` serves them under a hash of all contents. Never: a download.

#[path = "build/chunks.rs"]
mod chunks;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use std::{env, fs};

use chunks::Files;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Placeholder of the hash in `index.html`.
const PLACEHOLDER: &str = "a/HASH/";

fn main() {
    commit();
    built_at();
    if let Err(why) = dashboard() {
        println!("cargo::error={why}");
    }
}

fn commit() {
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/refs/heads");
    let commit = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let commit = commit.as_deref().map_or("unknown commit", str::trim);
    println!("cargo::rustc-env=VIGIE_COMMIT={commit}");
}

/// Embeds the time of the build, or `SOURCE_DATE_EPOCH`: a lower bound for a plausible system clock.
fn built_at() {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
    let given = env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let seconds: u64 = given.or_else(|| Some(now()?.as_secs())).unwrap_or_default();
    println!("cargo::rustc-env=VIGIE_BUILT_UNIX_S={seconds}");
}

fn dashboard() -> Result<(), String> {
    println!("cargo::rerun-if-changed=web");
    let mut files = Files::new();
    add_folder(Path::new("web"), "", &mut files)
        .map_err(|error| format!("can't read the dashboard's files in web/: {error}"))?;
    chunks::join(&mut files)?;
    let hash = hash(&files);
    if let Some(index) = files.get_mut("index.html") {
        let text = String::from_utf8_lossy(index).replace(PLACEHOLDER, &format!("a/{hash}/"));
        *index = text.into_bytes();
    }
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or("OUT_DIR is not set by cargo")?;
    embed(&files, &hash, &out).map_err(|error| format!("can't embed the dashboard: {error}"))
}

/// Adds the files of a folder, recursively. Skips hidden files, such as those of editors.
fn add_folder(folder: &Path, prefix: &str, files: &mut Files) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        if name.starts_with('.') {
            continue;
        }
        if entry.path().is_dir() {
            add_folder(&entry.path(), &format!("{path}/"), files)?;
        } else if mime(&name).is_some() {
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// FNV-1a hash, 64 bit, of all paths and contents. It distinguishes builds, and is not cryptographic.
fn hash(files: &Files) -> String {
    let parts = files.iter().flat_map(|(path, bytes)| [path.as_bytes(), &[0], bytes, &[0]]);
    let hash = parts.flatten().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Writes each file plain and gzipped, and the table of assets that the program includes.
fn embed(files: &Files, hash: &str, out: &Path) -> io::Result<()> {
    let mut table = format!("const HASH: &str = {hash:?};\n\nstatic FILES: &[Asset] = &[\n");
    for (number, (path, bytes)) in files.iter().enumerate() {
        let Some(mime) = mime(path) else { continue };
        fs::write(out.join(format!("asset-{number}")), bytes)?;
        fs::write(out.join(format!("asset-{number}.gz")), compressed(bytes)?)?;
        let included = |end: &str| {
            format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/asset-{number}{end}\"))")
        };
        let (plain, gzip) = (included(""), included(".gz"));
        let _ = writeln!(
            table,
            "    Asset {{ path: {path:?}, mime: {mime:?}, plain: {plain}, gzip: {gzip} }},"
        );
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table)
}

fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Media type by file name extension; `None` for files that are not served.
fn mime(name: &str) -> Option<&'static str> {
    Some(match name.rsplit('.').next()? {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}
