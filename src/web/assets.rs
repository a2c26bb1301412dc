//! The dashboard's files, embedded by the build, each plain and gzipped.
//!
//! Always: all files but the page are below a hash of all contents, and cacheable for ever; the
//! page itself is revalidated each time, and contains the hash. Every response has the content
//! security policy. In a debug build, files are served from the folder `VIGIE_WEB_DIR` instead, so
//! that edits need no build. Never: a file outside the table, or outside that folder; a secret.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

/// Content security policy: the page loads only what this server has.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const PAGE: &str = "index.html";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_ANEW: &str = "no-cache";

/// One file.
#[derive(Debug)]
struct Asset {
    /// Path below the hash.
    path: &'static str,
    /// Media type.
    mime: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Hash of this build's files: a page of another build reloads itself.
pub(super) const fn build() -> &'static str {
    HASH
}

/// The page.
pub(super) fn page(request: &HttpRequest) -> HttpResponse {
    answer(request, PAGE, ASK_ANEW).unwrap_or_else(|| HttpResponse::NotFound().finish())
}

/// File of a build, by its path below the hash; `None` for another build's, or an unknown one.
pub(super) fn file(request: &HttpRequest, hash: &str, path: &str) -> Option<HttpResponse> {
    if hash != HASH {
        return None;
    }
    answer(request, path, FOR_EVER)
}

fn answer(request: &HttpRequest, path: &str, caching: &'static str) -> Option<HttpResponse> {
    let mut response = HttpResponse::Ok();
    with_policy(&mut response);
    #[cfg(debug_assertions)]
    if let Some((mime, bytes)) = edited::read(path) {
        response.content_type(mime).insert_header((header::CACHE_CONTROL, "no-store"));
        return Some(response.body(bytes));
    }
    let asset = FILES.iter().find(|asset| asset.path == path)?;
    response.content_type(asset.mime);
    response.insert_header((header::CACHE_CONTROL, caching));
    response.insert_header((header::VARY, "Accept-Encoding"));
    let accepted = request.headers().get_all(header::ACCEPT_ENCODING);
    if accepts_gzip(accepted.filter_map(|value| value.to_str().ok())) {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
        return Some(response.body(asset.gzip));
    }
    Some(response.body(asset.plain))
}

/// Headers of every response to a browser.
fn with_policy(response: &mut HttpResponseBuilder) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    ] {
        response.insert_header((name, HeaderValue::from_static(value)));
    }
}

/// Whether a client accepts gzip: by name or `*`, with a weight other than 0 (RFC 9110, 12.5.3).
fn accepts_gzip<'a>(accepted: impl Iterator<Item = &'a str>) -> bool {
    let mut of_all = false;
    for coding in accepted.flat_map(|value| value.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let is_taken =
            weight.is_none_or(|weight| weight.trim().parse().is_ok_and(|q: f32| q > 0.0));
        if name.eq_ignore_ascii_case("gzip") {
            return is_taken;
        }
        of_all |= name == "*" && is_taken;
    }
    of_all
}

/// Files from the developer's folder.
#[cfg(debug_assertions)]
mod edited {
    use std::path::{Component, Path};

    /// Media type and content of a file. `None` if no folder is set, or the file is missing.
    pub fn read(path: &str) -> Option<(&'static str, Vec<u8>)> {
        let folder = std::env::var_os("VIGIE_WEB_DIR")?;
        read_in(Path::new(&folder), path)
    }

    pub(super) fn read_in(folder: &Path, path: &str) -> Option<(&'static str, Vec<u8>)> {
        let path = Path::new(path);
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return None;
        }
        // A media type that no embedded file has needs a build first.
        let is_like = |asset: &&super::Asset| Path::new(asset.path).extension() == path.extension();
        let mime = super::FILES.iter().find(is_like)?.mime;
        let bytes = std::fs::read(folder.join(path)).ok()?;
        if path != Path::new(super::PAGE) {
            return Some((mime, bytes));
        }
        let text = String::from_utf8_lossy(&bytes);
        Some((mime, text.replace("a/HASH/", &format!("a/{}/", super::HASH)).into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(values: &[&str]) -> bool {
        accepts_gzip(values.iter().copied())
    }

    #[test]
    fn gzip_goes_to_who_takes_it() {
        assert!(accepts(&["gzip, deflate, br"]));
        assert!(accepts(&["deflate", "br;q=1.0, GZIP;q=0.5"]));
        assert!(accepts(&["*"]));
        for none in ["", "identity", "br", "gzip;q=0", "gzip; q=0.000", "*, gzip;q=0", "x-gzip"] {
            assert!(!accepts(&[none]), "{none}");
        }
        assert!(!accepts(&[]));
    }

    #[cfg(debug_assertions)]
    #[test]
    fn what_one_edits_is_served_from_its_folder_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let web = folder.path().join("web");
        std::fs::create_dir_all(web.join("views")).unwrap();
        std::fs::write(folder.path().join("secret.js"), "secret").unwrap();
        std::fs::write(web.join("views/new.js"), "new").unwrap();
        std::fs::write(web.join("notes.txt"), "notes").unwrap();
        std::fs::write(web.join(PAGE), "<link href=\"a/HASH/x.css\">").unwrap();
        let read = |path| edited::read_in(&web, path).map(|(_, bytes)| bytes);
        assert_eq!(read("views/new.js"), Some(b"new".to_vec()));
        assert_eq!(read(PAGE), Some(format!("<link href=\"a/{HASH}/x.css\">").into_bytes()));
        let secret = folder.path().join("secret.js");
        for path in ["../secret.js", secret.to_str().unwrap(), "notes.txt", "none.js", ""] {
            assert_eq!(read(path), None, "{path}");
        }
    }

    #[test]
    fn the_page_names_the_hash_of_what_it_loads() {
        let page = FILES.iter().find(|asset| asset.path == PAGE).unwrap();
        let text = std::str::from_utf8(page.plain).unwrap();
        assert!(text.contains(&format!("a/{HASH}/")), "{text}");
        assert!(!text.contains("a/HASH/"));
        assert_eq!(HASH.len(), 16);
    }
}
